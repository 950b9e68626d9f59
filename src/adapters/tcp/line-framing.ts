import { ExchangeError } from '../../exchange/errors.ts'
import type { MessageMeta } from '../../exchange/exchange.ts'
import { PendingBytes } from '../framing/pending-bytes.ts'
import type { Framing } from './framing.ts'

/** Without its end. */
export const MAX_LINE_BYTES = 64 * 1024

const LF = 0x0a
const CR = 0x0d
const EMPTY = new Uint8Array(0)
const TEXT: MessageMeta = { type: 'text' }

/** Each line is a message, ended by LF or CRLF; the last one may lack its end. To the client each message gets an LF. */
export class LineFraming implements Framing {
  readonly meta = TEXT
  #chunk: Uint8Array = EMPTY
  #offset = 0
  /** The beginning of a line whose end has yet to come. */
  readonly #begun = new PendingBytes()

  push(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#offset = 0
  }

  take(): Uint8Array | undefined {
    const end = this.#chunk.indexOf(LF, this.#offset)
    const piece = this.#chunk.subarray(this.#offset, end < 0 ? undefined : end)
    // With room for a CR, which is no part of the line.
    if (this.#begun.length + piece.length > MAX_LINE_BYTES + 1) throw tooLong()
    if (end < 0) {
      this.#begun.append(piece)
      this.#chunk = EMPTY
      this.#offset = 0
      return undefined
    }
    this.#offset = end + 1
    return checked(withoutCr(this.#join(piece)))
  }

  finish(): Uint8Array | undefined {
    return this.#begun.length === 0 ? undefined : checked(this.#begun.take())
  }

  encode(chunk: Uint8Array, meta: MessageMeta | undefined): Uint8Array {
    if (meta?.fin === false) return Buffer.from(chunk)
    const line = Buffer.allocUnsafe(chunk.length + 1)
    line.set(chunk)
    line[chunk.length] = LF
    return line
  }

  #join(piece: Uint8Array): Uint8Array {
    if (this.#begun.length === 0) return piece
    this.#begun.append(piece)
    return this.#begun.take()
  }
}

function withoutCr(line: Uint8Array): Uint8Array {
  return line.at(-1) === CR ? line.subarray(0, -1) : line
}

function checked(line: Uint8Array): Uint8Array {
  if (line.length > MAX_LINE_BYTES) throw tooLong()
  return line
}

function tooLong(): ExchangeError {
  return new ExchangeError('too_large', `a line has more than ${MAX_LINE_BYTES} bytes`)
}
