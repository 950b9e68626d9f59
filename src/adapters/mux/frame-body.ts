import { isUtf8 } from 'node:buffer'
import type { MessageMeta } from '../../exchange/exchange.ts'
import type { MuxBody } from '../framing/mux-frame.ts'
import type { MuxEncoding } from './mux-socket.ts'

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * Bytes as a frame carries them: a text as text, and in JSON whatever can be read as one, since that is what people see
 * and half the work of base64.
 */
export function toBody(bytes: Uint8Array, type: MessageMeta['type'], encoding: MuxEncoding): MuxBody {
  const wantsText = type === 'text' || (type === undefined && encoding === 'json')
  return wantsText && isUtf8(bytes) ? decoder.decode(bytes) : bytes
}

/** The bytes of a body: the same that credit counts. */
export function toBytes(body: MuxBody): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body) : body
}

/** Of a message: its type is that of the frame's body. */
export function toMeta(body: MuxBody, fin: false | undefined): MessageMeta {
  const type = typeof body === 'string' ? 'text' : 'binary'
  return fin === false ? { type, fin } : { type }
}

/** How many bytes at the end begin a character whose rest is missing: 0 to 3. */
export function cutCharacterBytes(bytes: Uint8Array): number {
  for (let n = 1; n <= 3 && n <= bytes.length; n++) {
    const byte = bytes[bytes.length - n]!
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return n < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? n : 0
  }
  return 0
}
