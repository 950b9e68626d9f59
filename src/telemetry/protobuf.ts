/** The wire format of protobuf, as far as spans need it: https://protobuf.dev/programming-guides/encoding/ */

export interface Field {
  readonly number: number
  /** Bytes of what has a length, which text and nested messages are; any other value as it is on the wire. */
  readonly value: bigint | Uint8Array
}

/** Types of fields, the lower three bits of their keys. */
export const VARINT = 0
export const FIXED64 = 1
export const BYTES = 2
export const FIXED32 = 5
const MAX_VARINT_BYTES = 10

/** The fields of one message, in their order. Throws RangeError where the bytes are no message. */
export function decodeFields(bytes: Uint8Array): Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fields: Field[] = []
  let offset = 0
  const take = (length: number) => {
    if (length > bytes.length - offset) throw new RangeError('a field is cut short')
    offset += length
    return offset - length
  }
  const readVarint = () => {
    let value = 0n
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = bytes[take(1)]!
      value |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte < 0x80) return value
    }
    throw new RangeError('a number is too long')
  }
  // Most keys and lengths are one byte, which is quicker to read as it is.
  const readSmall = () => (bytes[offset]! < 0x80 ? bytes[take(1)]! : Number(readVarint()))
  while (offset < bytes.length) {
    const key = readSmall()
    const number = Math.floor(key / 8)
    const type = key % 8
    if (type === VARINT) fields.push({ number, value: readVarint() })
    else if (type === FIXED64) fields.push({ number, value: view.getBigUint64(take(8), true) })
    else if (type === FIXED32) fields.push({ number, value: BigInt(view.getUint32(take(4), true)) })
    else if (type === BYTES) {
      const length = readSmall()
      const start = take(length)
      fields.push({ number, value: bytes.subarray(start, start + length) })
    } else throw new RangeError(`fields of type ${type} are unknown`)
  }
  return fields
}
