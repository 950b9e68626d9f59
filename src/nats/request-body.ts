const EMPTY = new Uint8Array(0)

/**
 * A request body on its way into an OPEN: whole, or its beginning with the rest to follow once a backend has accepted.
 * One buffer, not a list of chunks: those of a client that sends byte by byte would take hundreds of times its body.
 */
export class RequestBody {
  readonly maxBytes: number
  /** The client has sent all of it. */
  ended = false
  #buffer: Uint8Array = EMPTY
  /** Of the buffer: what has come, and what was taken. */
  #filled = 0
  #taken = 0
  /** Of the whole body, buffered or not. */
  #bytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** Copies a chunk: its bytes are the client connection's. False: the body is larger than it may be. */
  push(chunk: Uint8Array): boolean {
    if (!this.count(chunk)) return false
    const filled = this.#filled + chunk.length
    if (this.#filled === 0) {
      // Not `slice`, which fills the copy with zeros first: a sender on this machine would be faster than that.
      this.#buffer = Buffer.from(chunk)
    } else {
      if (filled > this.#buffer.length) this.#grow(Math.max(filled, this.#filled * 2))
      this.#buffer.set(chunk, this.#filled)
    }
    this.#filled = filled
    return true
  }

  /** Counts a chunk that goes past here. False: the body is larger than it may be. */
  count(chunk: Uint8Array): boolean {
    this.#bytes += chunk.length
    return this.#bytes <= this.maxBytes
  }

  /** What has come and was not taken yet, at most `maxBytes` of it. */
  take(maxBytes: number): Uint8Array {
    const start = this.#taken
    this.#taken = Math.min(this.#filled, start + maxBytes)
    const taken = this.#buffer.subarray(start, this.#taken)
    if (this.#taken === this.#filled) {
      // A stream may go on for days, and needs no beginning of its body.
      this.#buffer = EMPTY
      this.#filled = 0
      this.#taken = 0
    }
    return taken
  }

  /** Whether anything follows what was taken. */
  get more(): boolean {
    return !this.ended || this.#taken < this.#filled
  }

  #grow(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.min(bytes, this.maxBytes))
    grown.set(this.#buffer)
    this.#buffer = grown
  }
}
