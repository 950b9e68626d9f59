import type { ExchangeError } from '../exchange/errors.ts'
import type { HeaderList, MessageMeta, ResponseHead } from '../exchange/exchange.ts'
import type { Ending } from './delivery.ts'
import { encodeFrame } from './encode-frame.ts'
import type { AcceptFrame, Frame } from './frame.ts'
import type { Pulse } from './pulse.ts'
import type { ReceiveWindow } from './receive-window.ts'
import { SendWindow } from './send-window.ts'
import type { StreamOptions } from './stream-options.ts'

/** How often data asks for a 503 in case that nobody is there. */
const REPLY_EVERY_FRAMES = 16
/** What may wait for the end of the turn in which an exchange began. */
const MAX_HELD_BYTES = 64 * 1024
/**
 * What may wait for credit after `data` said that it is full. A client cannot always be stopped at once: uWebSockets goes
 * on reading a connection whose buffer a sender on the same machine keeps full, whatever it was told.
 */
const MAX_WAITING_BYTES = 512 * 1024 * 1024

const EMPTY = new Uint8Array(0)

type SendOptions = Pick<StreamOptions, 'local' | 'send' | 'sends' | 'credit' | 'maxBytes' | 'ownsChunks'>

/**
 * All that one end of a stream says. What has a number waits for credit, and for the peer to be there; the rest leaves
 * at once or not at all. States: `open` -> `ended`, by our end or as the stream closes.
 */
export class Outgoing {
  readonly #options: SendOptions
  readonly #pulse: Pulse
  readonly #receiving: ReceiveWindow
  readonly #owner: { onSaid(): void }
  readonly #window: SendWindow
  #ended: boolean
  #stopped = false
  #headed = false
  /** An accept that waits for what our end answers at once. */
  #heldAccept: AcceptFrame | undefined
  /** A head that waits with it, or for NATS to return. */
  #headWanted: Pick<ResponseHead, 'status' | 'headers'> | undefined
  #endWanted: Ending | undefined
  #dataFrames = 0
  /** Our end waits for `drained`. */
  #wantsRoom = false

  /** @param owner hears when all that our end had to say is said */
  constructor(options: SendOptions, pulse: Pulse, receiving: ReceiveWindow, owner: { onSaid(): void }) {
    this.#options = options
    this.#pulse = pulse
    this.#receiving = receiving
    this.#owner = owner
    this.#window = new SendWindow(options.credit, options.maxBytes)
    this.#ended = !options.sends
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Number of the last frame. */
  get seq(): number {
    return this.#window.seq
  }

  /** Something waits for credit. */
  get blocked(): boolean {
    return this.#window.blocked
  }

  /** See `SendWindow`. */
  get waitingBytes(): number {
    return this.#window.waitingBytes
  }

  /** Our end went on and on after it was told to stop. */
  get isOverfull(): boolean {
    return this.#window.waitingBytes > MAX_WAITING_BYTES
  }

  /** See `Stream.accept`. */
  accept(version: number, maxBytes: number, isHeld: boolean): void {
    if (this.#ended) return
    this.#heldAccept = { type: 'accept', version, credit: this.#receiving.granted, maxBytes }
    if (!isHeld) this.#sendAccept()
  }

  release(): void {
    if (this.#ended || this.#heldAccept === undefined) return
    if (this.#headWanted === undefined) this.#sendAccept()
    else {
      const { maxBytes } = this.#heldAccept
      this.#heldAccept = undefined
      if (!this.#pulse.isQuiet) this.#sendHead(this.#headWanted, maxBytes)
    }
    this.pump()
  }

  head(head: Pick<ResponseHead, 'status' | 'headers'>): void {
    if (this.#headed || this.#ended) return
    this.#headed = true
    this.#headWanted = head
    this.pump()
  }

  /** @returns false: full, until our end hears `drained` */
  data(chunk: Uint8Array, meta: MessageMeta | undefined): boolean {
    if (this.#ended || this.#endWanted !== undefined) return true
    this.#window.push(chunk, meta)
    this.pump()
    if (!this.#window.blocked) return true
    if (this.#options.ownsChunks !== true) this.#window.copyLast()
    // It may be all, and its end must not wait for room.
    if (this.#heldAccept !== undefined && this.#window.waitingBytes <= MAX_HELD_BYTES) return true
    this.#wantsRoom = true
    return false
  }

  end(trailers: HeaderList, closeCode: number | undefined): void {
    if (this.#ended || this.#endWanted !== undefined) return
    this.#endWanted = { trailers, closeCode }
    this.#wantsRoom = false
    this.pump()
  }

  reset({ code, detail }: ExchangeError): void {
    // What was said before goes before; and in the place of an accept, `busy` would promise that nothing was processed.
    this.#wantsRoom = false
    this.release()
    if (!this.#stopped) this.#send({ type: 'reset', code, status: undefined, reason: detail }, EMPTY, false)
  }

  /** What the peer takes. */
  open(credit: number, maxBytes: number): void {
    this.#window.open(credit, maxBytes)
    this.pump()
  }

  /** The peer grants more. */
  grant(credit: number): void {
    this.#window.grant(credit)
    this.pump()
  }

  /** Grants the peer more. */
  credit(credit: number): void {
    this.#send({ type: 'credit', credit }, EMPTY, false)
  }

  /** Asks the peer what has come, or answers: with what we have sent. */
  tell(type: 'ping' | 'pong'): void {
    const { seq, bytes } = this.#window
    this.#pulse.onTold(seq, type)
    this.#send({ type, seq, credit: this.#receiving.granted, bytes }, EMPTY, type === 'ping')
  }

  /** Sends what credit covers, tells our end that there is room again, and at last says that it was all. */
  pump(leastBytes?: number): void {
    if (this.#pulse.isQuiet || this.#heldAccept !== undefined) return
    if (this.#headWanted !== undefined) this.#sendHead(this.#headWanted)
    if (this.#ended) return
    const window = this.#window
    for (let piece = window.take(leastBytes); piece !== undefined; piece = window.take(leastBytes)) {
      const { seq, payload, meta } = piece
      const asksReply = this.#dataFrames++ % REPLY_EVERY_FRAMES === 0
      this.#send({ type: 'data', seq, payload, meta }, payload, asksReply)
      this.#pulse.onFlowing()
    }
    if (window.blocked) {
      this.#pulse.onBlocked()
    } else if (this.#endWanted !== undefined) {
      this.#ended = true
      const { bytes } = window
      this.#send({ type: 'end', seq: window.next(0, false), bytes, ...this.#endWanted }, EMPTY, true)
      this.#owner.onSaid()
    } else if (this.#wantsRoom) {
      this.#wantsRoom = false
      this.#options.local.drained()
    }
  }

  /** The stream is closed: drops what waits. */
  stop(): void {
    this.#stopped = true
    this.#ended = true
    this.#headWanted = undefined
    this.#window.clear()
  }

  #sendAccept(): void {
    const accept = this.#heldAccept
    this.#heldAccept = undefined
    if (accept !== undefined) this.#send(accept, EMPTY, true)
  }

  /** @param maxBytes with a head in the place of an accept */
  #sendHead({ status, headers }: Pick<ResponseHead, 'status' | 'headers'>, maxBytes?: number): void {
    this.#headWanted = undefined
    const ending = this.#endWanted
    const isBare = ending?.trailers.length === 0 && ending.closeCode === undefined
    const whole = isBare ? this.#window.takeWhole() : undefined
    const end = whole !== undefined
    const payload = whole ?? EMPTY
    const seq = this.#window.next(payload.length, true)
    const credit = this.#receiving.granted
    this.#ended = end
    this.#send({ type: 'head', seq, status, headers, payload, end, credit, maxBytes }, payload, true)
    if (end) this.#owner.onSaid()
  }

  #send(frame: Frame, payload: Uint8Array, asksReply: boolean): void {
    // What is not sent has no number: a credit is made up for by the next ping or pong, an accept by the head.
    if (this.#pulse.isDown || (this.#pulse.isQuiet && frame.type !== 'ping' && frame.type !== 'reset')) return
    this.#options.send(encodeFrame(frame), payload, asksReply)
  }
}
