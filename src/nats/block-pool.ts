const BLOCK_BYTES = 64 * 1024
/** What is kept for later: 32 MiB, as much as a system may have received of a connection that was not read for a while. */
const MAX_FREE_BLOCKS = 512

/**
 * Memory for the chunks of uploads, used again and again. A client on this machine sends faster than new memory can be
 * had, which the system hands out page by page: such a copy is what would decide whether reading can ever be paused.
 */
export class BlockPool {
  readonly #free: ArrayBuffer[] = []
  /** Sent in this turn; the client library reads them until its microtasks have run. */
  #sent: ArrayBuffer[] = []
  /** Where in a block that is lent its chunk ends. What is never sent is left to the garbage collector. */
  readonly #ends = new WeakMap<ArrayBufferLike, number>()
  readonly #onTurnOver = () => this.#reuse()

  /** A copy of the beginning of a chunk, as much as fits into a block. */
  copy(chunk: Uint8Array): Uint8Array {
    const length = Math.min(chunk.length, BLOCK_BYTES)
    const block = this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES).buffer
    const copy = new Uint8Array(block, 0, length)
    copy.set(length === chunk.length ? chunk : chunk.subarray(0, length))
    this.#ends.set(block, length)
    return copy
  }

  /** A part of a copy has been given to the client library; parts are sent in order. */
  onSent(payload: Uint8Array): void {
    const { buffer } = payload
    if (this.#ends.get(buffer) !== payload.byteOffset + payload.length) return
    this.#ends.delete(buffer)
    if (this.#sent.length === 0) setImmediate(this.#onTurnOver)
    this.#sent.push(buffer as ArrayBuffer)
  }

  #reuse(): void {
    for (const block of this.#sent) {
      if (this.#free.length < MAX_FREE_BLOCKS) this.#free.push(block)
    }
    this.#sent = []
  }
}
