import type { MessageMeta, Side } from '../exchange/exchange.ts'
import type { EndFrame } from './frame.ts'

/** How a direction ended. */
export type Ending = Pick<EndFrame, 'trailers' | 'closeCode'>

interface Undelivered {
  readonly payload: Uint8Array
  readonly meta: MessageMeta | undefined
}

export interface DeliveryOwner {
  /** Our end has used up a frame. */
  onUsed(payloadBytes: number): void
  /** All has been handed over. */
  onDelivered(end: Ending): void
}

/**
 * Hands what has come to our end, in order, and nothing while it is full; what comes meanwhile is bounded by the window.
 * Each call of our end may be its last: it may end or reset the stream in it, which stops the delivery.
 */
export class Delivery {
  readonly #local: Pick<Side, 'data'>
  readonly #owner: DeliveryOwner
  #undelivered: Undelivered[] = []
  /** An end that came behind them. */
  #undeliveredEnd: Ending | undefined
  /** Our end has been handed a frame and has not returned yet, */
  #handing = false
  /** and has said already that it has drained. */
  #drainedAtOnce = false
  /** Our end is full; this is the frame that filled it, which counts as used once it has drained. */
  #fillingBytes: number | undefined
  #stopped = false

  constructor(local: Pick<Side, 'data'>, owner: DeliveryOwner) {
    this.#local = local
    this.#owner = owner
  }

  /** Nothing waits but what our end has been handed. */
  get idle(): boolean {
    return this.#undelivered.length === 0
  }

  /** Our end takes no more for now. */
  get isFull(): boolean {
    return this.#fillingBytes !== undefined
  }

  push(payload: Uint8Array, meta: MessageMeta | undefined): void {
    if (this.#fillingBytes === undefined) this.#hand(payload, meta)
    // A copy: many small ones would each keep the whole read of the socket alive that they came with.
    else this.#undelivered.push({ payload: new Uint8Array(payload), meta })
  }

  end(end: Ending): void {
    if (this.#fillingBytes === undefined) this.#owner.onDelivered(end)
    else this.#undeliveredEnd = end
  }

  /** Our end has used up all that it was handed. */
  drained(): void {
    if (this.#handing) this.#drainedAtOnce = true
    if (this.#stopped || this.#fillingBytes === undefined) return
    const bytes = this.#fillingBytes
    this.#fillingBytes = undefined
    this.#owner.onUsed(bytes)
    while (this.#fillingBytes === undefined && !this.#stopped) {
      const next = this.#undelivered.shift()
      if (next === undefined) break
      this.#hand(next.payload, next.meta)
    }
    if (this.#stopped || this.#fillingBytes !== undefined || this.#undeliveredEnd === undefined) return
    this.#owner.onDelivered(this.#undeliveredEnd)
  }

  /** Hands over nothing more. */
  stop(): void {
    this.#stopped = true
    this.#undelivered = []
  }

  #hand(payload: Uint8Array, meta: MessageMeta | undefined): void {
    this.#handing = true
    const hasRoom = this.#local.data(payload, meta) || this.#drainedAtOnce
    this.#handing = false
    this.#drainedAtOnce = false
    if (hasRoom) this.#owner.onUsed(payload.length)
    else this.#fillingBytes = payload.length
  }
}
