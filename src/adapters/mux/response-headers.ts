import type { HeaderList } from '../../exchange/exchange.ts'
import type { MuxHeaders } from '../framing/mux-frame.ts'

/** Names and values, in characters: with room for their escapes this fits the fields of a binary frame. */
const MAX_LENGTH = 16 * 1024
/** Counted for each field beside its characters: quotes, colon and comma. */
const FIELD_OVERHEAD = 6

/** A list as the object of a head: a name that is there more than once has an array. Undefined if it is too large. */
export function toMuxHeaders(list: HeaderList, requestId: string): MuxHeaders | undefined {
  const headers: Record<string, string | string[]> = { 'x-request-id': requestId }
  let length = 0
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i]!
    const value = list[i + 1]!
    // The one is ours; to assign the other would not make a member of that name.
    if (name === 'x-request-id' || name === '__proto__') continue
    length += name.length + value.length + FIELD_OVERHEAD
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined
    if (before === undefined) headers[name] = value
    else if (typeof before === 'string') headers[name] = [before, value]
    else before.push(value)
  }
  return length <= MAX_LENGTH ? headers : undefined
}
