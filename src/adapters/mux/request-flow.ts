import { CLOSED_SIDE } from '../../exchange/closed-side.ts'
import type { BackendSide, MessageMeta } from '../../exchange/exchange.ts'

/** Payload bytes that a client may send on one exchange before it is granted more. */
export const REQUEST_WINDOW_BYTES = 256 * 1024
/** Credit does not count frames, and tiny ones take memory too. */
const MAX_WAITING_FRAMES = 4096
/** Counted for each waiting frame beside its bytes. */
const FRAME_OVERHEAD_BYTES = 64
/** So many frames are worth new credit, however few their bytes: it tells a client how many the backend has taken. */
const FRAMES_PER_GRANT = 1024

interface Waiting {
  readonly chunk: Uint8Array
  readonly meta: MessageMeta | undefined
}

/**
 * What a client sends beyond its `open`, on its way to the backend. What was granted and the backend has not taken yet
 * never exceeds the window, so it bounds the memory that a client can make us hold.
 */
export class RequestFlow {
  #backend: BackendSide
  #granted = REQUEST_WINDOW_BYTES
  #received = 0
  #used = 0
  #framesSinceGrant = 0
  #waiting: Waiting[] = []
  #waitingBytes = 0
  /** The backend is full; so many bytes filled it, and count as used once it has drained. */
  #fillingBytes: number | undefined
  /** The backend has been handed a chunk and has not returned yet, */
  #isHanding = false
  /** and has said already that it has drained. */
  #drainedAtOnce = false
  #end: { readonly closeCode: number | undefined } | undefined

  constructor(backend: BackendSide) {
    this.#backend = backend
  }

  /** That wait for the backend, and what an entry for each chunk costs. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** The client has said that it was all. */
  get ended(): boolean {
    return this.#end !== undefined
  }

  /** And the backend has it all. */
  get done(): boolean {
    return this.#end !== undefined && this.#fillingBytes === undefined
  }

  /** What is wrong with it, undefined if nothing is. */
  push(chunk: Uint8Array, meta: MessageMeta | undefined): 'overrun' | 'too many' | undefined {
    this.#received += chunk.length
    if (this.#received > this.#granted) return 'overrun'
    if (this.#fillingBytes === undefined) {
      this.#hand(chunk, meta)
      return undefined
    }
    if (this.#waiting.length >= MAX_WAITING_FRAMES) return 'too many'
    // A copy: the bytes may be the connection's.
    this.#waiting.push({ chunk: new Uint8Array(chunk), meta })
    this.#waitingBytes += chunk.length + FRAME_OVERHEAD_BYTES
    return undefined
  }

  /** Once. */
  end(closeCode: number | undefined): void {
    this.#end = { closeCode }
    if (this.#fillingBytes === undefined) this.#backend.end(undefined, closeCode)
  }

  /** The backend has room again. */
  drained(): void {
    if (this.#isHanding) this.#drainedAtOnce = true
    if (this.#fillingBytes === undefined) return
    this.#used += this.#fillingBytes
    this.#fillingBytes = undefined
    let handed = 0
    while (this.#fillingBytes === undefined && handed < this.#waiting.length) {
      const { chunk, meta } = this.#waiting[handed++]!
      this.#waitingBytes -= chunk.length + FRAME_OVERHEAD_BYTES
      this.#hand(chunk, meta)
    }
    this.#waiting.splice(0, handed)
    if (this.done) this.#backend.end(undefined, this.#end?.closeCode)
  }

  /** The exchange is over. */
  close(): void {
    this.#backend = CLOSED_SIDE
    this.#waiting = []
    this.#waitingBytes = 0
  }

  /** New credit, absolute, if it is worth a frame; it counts as granted. */
  takeGrant(): number | undefined {
    const granted = this.#used + REQUEST_WINDOW_BYTES
    const leastBytes = this.#framesSinceGrant >= FRAMES_PER_GRANT ? 1 : REQUEST_WINDOW_BYTES / 2
    if (this.ended || granted - this.#granted < leastBytes) return undefined
    this.#granted = granted
    this.#framesSinceGrant = 0
    return granted
  }

  #hand(chunk: Uint8Array, meta: MessageMeta | undefined): void {
    this.#framesSinceGrant++
    this.#isHanding = true
    const hasRoom = this.#backend.data(chunk, meta) || this.#drainedAtOnce
    this.#isHanding = false
    this.#drainedAtOnce = false
    if (hasRoom) this.#used += chunk.length
    else this.#fillingBytes = chunk.length
  }
}
