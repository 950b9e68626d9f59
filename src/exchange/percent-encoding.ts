const PERCENT = 0x25
const PLUS = 0x2b
const SPACE = 0x20

/**
 * Whether a text of a query says a name, however much of it is percent-encoded. Nothing is decoded for that: a query of a
 * stranger may be full of names, and decoding is slow where it fails.
 */
export function isEncodingOf(text: string, name: string): boolean {
  if (!/[%+]/.test(text)) return text === name
  if (text.length < name.length) return false
  const bytes = Buffer.from(name)
  let at = 0
  for (const byte of bytes) {
    let found = text.charCodeAt(at++)
    if (found === PERCENT) {
      found = hexDigit(text.charCodeAt(at)) * 16 + hexDigit(text.charCodeAt(at + 1))
      at += 2
    } else if (found === PLUS && byte === SPACE) found = SPACE
    if (found !== byte) return false
  }
  return at === text.length
}

/** NaN if it is none. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : Number.NaN
}
