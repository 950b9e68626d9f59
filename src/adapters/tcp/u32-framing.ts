import { ExchangeError } from '../../exchange/errors.ts'
import type { MessageMeta } from '../../exchange/exchange.ts'
import { PendingBytes } from '../framing/pending-bytes.ts'
import type { Framing } from './framing.ts'

/** A larger message goes on in parts of this size, so that none has to be held whole. */
export const MAX_PART_BYTES = 64 * 1024

const LENGTH_BYTES = 4
const EMPTY = new Uint8Array(0)
const WHOLE: MessageMeta = { type: 'binary' }
const PART: MessageMeta = { type: 'binary', fin: false }

/** Each message has its length before it, four bytes with the highest first. */
export class U32Framing implements Framing {
  meta: MessageMeta = WHOLE
  readonly #maxBytes: number
  #chunk: Uint8Array = EMPTY
  #offset = 0
  /** A length or a part of which some has come. */
  readonly #begun = new PendingBytes()
  /** Of the message that comes in, what was not taken yet; undefined: its length comes first. */
  #left: number | undefined
  /** Parts of a message to the client: its length goes out before them. */
  readonly #parts = new PendingBytes()

  /** @param maxBytes of one message, either way */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  push(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#offset = 0
  }

  take(): Uint8Array | undefined {
    if (this.#left === undefined) {
      const length = this.#read(LENGTH_BYTES)
      if (length === undefined) return undefined
      this.#left = new DataView(length.buffer, length.byteOffset).getUint32(0)
      if (this.#left > this.#maxBytes) throw this.#tooLarge(this.#left)
    }
    const part = this.#read(Math.min(this.#left, MAX_PART_BYTES))
    if (part === undefined) return undefined
    this.#left -= part.length
    this.meta = this.#left > 0 ? PART : WHOLE
    if (this.#left === 0) this.#left = undefined
    return part
  }

  finish(): undefined {
    if (this.#left === undefined && this.#begun.length === 0) return undefined
    throw new ExchangeError('bad_request', 'the client ended in the middle of a message')
  }

  encode(chunk: Uint8Array, meta: MessageMeta | undefined): Uint8Array | undefined {
    const length = this.#parts.length + chunk.length
    if (length > this.#maxBytes) throw this.#tooLarge(length)
    if (meta?.fin === false) {
      this.#parts.append(chunk)
      return undefined
    }
    const message = Buffer.allocUnsafe(LENGTH_BYTES + length)
    message.writeUInt32BE(length)
    message.set(chunk, LENGTH_BYTES + this.#parts.length)
    message.set(this.#parts.take(), LENGTH_BYTES)
    return message
  }

  /** So many bytes, in one piece; undefined: not all of them have come. */
  #read(bytes: number): Uint8Array | undefined {
    const start = this.#offset
    const end = Math.min(this.#chunk.length, start + bytes - this.#begun.length)
    const piece = this.#chunk.subarray(start, end)
    this.#offset = end
    if (piece.length === bytes) return piece
    this.#begun.append(piece)
    return this.#begun.length === bytes ? this.#begun.take() : undefined
  }

  #tooLarge(bytes: number): ExchangeError {
    return new ExchangeError('too_large', `a message of ${bytes} bytes, more than ${this.#maxBytes}`)
  }
}
