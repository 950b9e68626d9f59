import { BYTES, FIXED32, FIXED64, VARINT } from './protobuf.ts'

const FIRST_BYTES = 1024
/** Longer text is quicker to write natively. */
const MAX_LOOP_CHARS = 64
/** So that the length of a pair takes one byte. */
const MAX_PAIR_CHARS = 121
const TWO_16 = 2 ** 16
const TWO_32 = 2 ** 32
/** Of a varint with a value below 2^53. */
const MAX_VARINT_BYTES = 8

/**
 * Messages in the wire format of protobuf, one behind the other in one buffer that is used again and again. Fields go in
 * one by one; a nested message is begun and ended around its own.
 */
export class ProtobufWriter {
  #bytes: Buffer
  #length = 0

  constructor(firstBytes = FIRST_BYTES) {
    this.#bytes = Buffer.allocUnsafe(firstBytes)
  }

  /** What has been written, which is the caller's until the next one writes; the writer is empty again. */
  take(): Uint8Array {
    const written = this.#bytes.subarray(0, this.#length)
    this.#length = 0
    return written
  }

  /** Gives what `end` is to be told. */
  begin(field: number): number {
    this.#tag(field, BYTES)
    this.#reserve(1)
    // Most messages are shorter than 128 bytes, and their length takes one.
    return ++this.#length
  }

  end(start: number): void {
    const length = this.#length - start
    if (length > 0x7f) {
      const more = varintLength(length) - 1
      this.#reserve(more)
      this.#bytes.copyWithin(start + more, start, this.#length)
      this.#length += more
    }
    this.#writeVarint(length, start - 1)
  }

  /** @param value an integer from 0 to 2^53 - 1 */
  varint(field: number, value: number): void {
    this.#tag(field, VARINT)
    this.#reserve(MAX_VARINT_BYTES)
    this.#length = this.#writeVarint(value, this.#length)
  }

  double(field: number, value: number): void {
    this.#tag(field, FIXED64)
    this.#reserve(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
  }

  fixed32(field: number, value: number): void {
    this.#tag(field, FIXED32)
    this.#reserve(4)
    this.#length = this.#bytes.writeUInt32LE(value, this.#length)
  }

  /** A `fixed64` of nanoseconds since the epoch, which as a number would be rounded. */
  nanoseconds(field: number, epochMs: number): void {
    this.#tag(field, FIXED64)
    this.#reserve(8)
    const wholeMs = Math.floor(epochMs)
    // wholeMs * 10^6, by parts that are exact.
    const high = Math.floor(wholeMs / TWO_16) * 1e6
    const low = (wholeMs % TWO_16) * 1e6 + Math.floor((epochMs - wholeMs) * 1e6) + (high % TWO_16) * TWO_16
    const carry = Math.floor(low / TWO_32)
    this.#bytes.writeUInt32LE(low - carry * TWO_32, this.#length)
    this.#length = this.#bytes.writeUInt32LE(Math.floor(high / TWO_16) + carry, this.#length + 4)
  }

  /** @param digits an even number of them */
  hex(field: number, digits: string): void {
    const length = digits.length / 2
    this.#tag(field, BYTES)
    this.#reserve(MAX_VARINT_BYTES + length)
    this.#length = this.#writeVarint(length, this.#length)
    this.#length += this.#bytes.write(digits, this.#length, 'hex')
  }

  /** What is encoded already. */
  raw(fields: Uint8Array): void {
    this.#reserve(fields.length)
    this.#bytes.set(fields, this.#length)
    this.#length += fields.length
  }

  /** Lone surrogates become U+FFFD. */
  text(field: number, text: string): void {
    this.#tag(field, BYTES)
    const { length } = text
    this.#reserve(MAX_VARINT_BYTES + 3 * length)
    if (length <= MAX_LOOP_CHARS && this.#writeAscii(text)) return
    this.#length = this.#writeVarint(Buffer.byteLength(text), this.#length)
    this.#length += this.#bytes.write(text, this.#length)
  }

  /**
   * The message `{1: key, 2: {1: value}}`, which a span has many of, all lengths known from the start: for short ASCII.
   * False: it is not, and nothing is written.
   * @param field below 16
   */
  shortPair(field: number, key: string, value: string): boolean {
    const lengths = key.length + value.length
    if (lengths > MAX_PAIR_CHARS) return false
    this.#reserve(lengths + 8)
    const bytes = this.#bytes
    const at = this.#length
    bytes[at] = field * 8 + BYTES
    bytes[at + 1] = lengths + 6
    bytes[at + 2] = 8 + BYTES
    const keyEnd = this.#copyAscii(key, at + 3)
    if (keyEnd < 0) return false
    bytes[keyEnd] = 16 + BYTES
    bytes[keyEnd + 1] = value.length + 2
    bytes[keyEnd + 2] = 8 + BYTES
    const valueEnd = this.#copyAscii(value, keyEnd + 3)
    if (valueEnd < 0) return false
    this.#length = valueEnd
    return true
  }

  /** False: it is not ASCII, and nothing is written. */
  #writeAscii(text: string): boolean {
    const end = this.#copyAscii(text, this.#length)
    if (end < 0) return false
    this.#length = end
    return true
  }

  /** Its length, in one byte, and then itself. Gives where it ends; -1: it is not ASCII. */
  #copyAscii(text: string, offset: number): number {
    const { length } = text
    const bytes = this.#bytes
    let at = offset
    bytes[at++] = length
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return -1
      bytes[at++] = code
    }
    return at
  }

  #tag(field: number, type: number): void {
    this.#reserve(MAX_VARINT_BYTES)
    this.#length = this.#writeVarint(field * 8 + type, this.#length)
  }

  /** Gives where it ends. */
  #writeVarint(value: number, offset: number): number {
    let at = offset
    let rest = value
    for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) this.#bytes[at++] = (rest % 128) | 0x80
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[at++] = (rest & 0x7f) | 0x80
    this.#bytes[at++] = rest
    return at
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) length++
  return length
}
