import type { MessageMeta } from '../exchange/exchange.ts'
import type { Stream } from '../wire/stream.ts'

const BLOCK_BYTES = 64 * 1024
/** A smaller chunk is not worth a block. */
const LARGE_CHUNK_BYTES = 16 * 1024
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

  /** Hands a chunk to a stream, which may keep it: its bytes are the client connection's. False: the stream is full. */
  send(stream: Stream, chunk: Uint8Array, meta: MessageMeta | undefined): boolean {
    // A message stays in one piece.
    if (meta !== undefined || chunk.length < LARGE_CHUNK_BYTES) return stream.data(Buffer.from(chunk), meta)
    let hasRoom = true
    for (let rest = chunk; rest.length > 0; ) {
      const copy = this.copy(rest)
      rest = rest.subarray(copy.length)
      hasRoom = stream.data(copy)
    }
    return hasRoom
  }

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
