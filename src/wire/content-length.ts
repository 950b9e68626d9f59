import type { HeaderList } from '../exchange/exchange.ts'

/** Body bytes that a head announces; -1 if it does not, or in a way that cannot be relied on. */
export function announcedLength(headers: HeaderList): number {
  let length = -1
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'content-length') continue
    const value = headers[i + 1]!
    if (!/^\d{1,15}$/.test(value) || (length >= 0 && length !== Number(value))) return -1
    length = Number(value)
  }
  return length
}
