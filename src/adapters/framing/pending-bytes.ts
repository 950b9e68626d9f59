const FIRST_BYTES = 512

/**
 * The beginning of a frame whose rest has not come. Grows by doubling, so that a frame in many small pieces is copied a
 * bounded number of times and a peer that announces much and sends little holds little; empty, it holds nothing.
 */
export class PendingBytes {
  #buffer = new Uint8Array(0)
  #length = 0

  get length(): number {
    return this.#length
  }

  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(length, this.#buffer.length * 2, FIRST_BYTES))
      grown.set(this.#buffer.subarray(0, this.#length))
      this.#buffer = grown
    }
    this.#buffer.set(bytes, this.#length)
    this.#length = length
  }

  /** A view of what is there, good until the next `append`. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  /** Gives the bytes away and is empty again. */
  take(): Uint8Array {
    const { bytes } = this
    this.#buffer = new Uint8Array(0)
    this.#length = 0
    return bytes
  }
}
