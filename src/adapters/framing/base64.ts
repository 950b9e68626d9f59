import { MuxFrameError } from './mux-frame.ts'

/** RFC 4648 section 4, by hand: atob and btoa go through strings of single bytes, and Buffer is Node's alone. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const PADDING = 0x3d

const CODES = new TextEncoder().encode(ALPHABET)
const VALUES = new Uint8Array(256).fill(0xff)
for (const [value, code] of CODES.entries()) VALUES[code] = value

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function encodeBase64(bytes: Uint8Array): string {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4)
  let at = 0
  for (let i = 0; i < bytes.length; i += 3) {
    const triple = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    out[at++] = CODES[triple >> 18]!
    out[at++] = CODES[(triple >> 12) & 63]!
    out[at++] = CODES[(triple >> 6) & 63]!
    out[at++] = CODES[triple & 63]!
  }
  const over = bytes.length % 3
  if (over > 0) out[at - 1] = PADDING
  if (over === 1) out[at - 2] = PADDING
  return decoder.decode(out)
}

/** Padding may be left out; anything else that is not base64 is a MuxFrameError. */
export function decodeBase64(text: string): Uint8Array {
  const codes = encoder.encode(text)
  let length = codes.length
  if (length % 4 === 0 && codes[length - 1] === PADDING) length -= codes[length - 2] === PADDING ? 2 : 1
  if (length % 4 === 1) throw new MuxFrameError('b64 is not base64: a character is missing or too many')
  const out = new Uint8Array((length * 3) >> 2)
  let at = 0
  let bits = 0
  let held = 0
  for (let i = 0; i < length; i++) {
    const value = VALUES[codes[i]!]!
    if (value === 0xff) throw new MuxFrameError(`b64 is not base64: see character ${i + 1}`)
    bits = ((bits << 6) | value) & 0xffff
    held += 6
    if (held >= 8) {
      held -= 8
      out[at++] = bits >> held
    }
  }
  return out
}
