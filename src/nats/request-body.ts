const EMPTY = new Uint8Array(0)

/**
 * A request body on its way into an OPEN: whole, or its beginning with the rest to follow once a backend has accepted.
 * Chunks are copied: the bytes are the client connection's.
 */
export class RequestBody {
  readonly #maxBytes: number
  #chunks: Uint8Array[] = []
  #bytes = 0
  /** The client has sent all of it. */
  ended = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get maxBytes(): number {
    return this.#maxBytes
  }

  /** False: with this chunk the body is larger than it may be. */
  push(chunk: Uint8Array): boolean {
    if (!this.count(chunk)) return false
    if (chunk.length > 0) this.#chunks.push(Uint8Array.prototype.slice.call(chunk))
    return true
  }

  /** Counts a chunk that goes past here. False: the body is larger than it may be. */
  count(chunk: Uint8Array): boolean {
    this.#bytes += chunk.length
    return this.#bytes <= this.#maxBytes
  }

  /** All that has come. */
  takeAll(): Uint8Array {
    const chunks = this.#chunks
    this.#chunks = []
    return chunks.length === 0 ? EMPTY : chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }

  /** The beginning, of at most `maxBytes`; what is over stays. */
  takeFirst(maxBytes: number): Uint8Array {
    const first = this.#chunks.shift() ?? EMPTY
    if (first.length <= maxBytes) return first
    this.#chunks.unshift(first.subarray(maxBytes))
    return first.subarray(0, maxBytes)
  }

  /** Whether anything follows what was taken. */
  get more(): boolean {
    return !this.ended || this.#chunks.length > 0
  }

  /** What is left, in order. */
  takeRest(): readonly Uint8Array[] {
    const chunks = this.#chunks
    this.#chunks = []
    return chunks
  }
}
