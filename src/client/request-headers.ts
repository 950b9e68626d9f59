import type { MuxHeaders } from '../adapters/framing/mux-frame.ts'

/** What `new Headers` takes: an object, a list of pairs, or Headers. */
export type HeaderFields = ConstructorParameters<typeof Headers>[0]

/** Adds fields to those of the client; a field of the request takes the place of the client's. */
export function setFields(headers: Headers, fields: HeaderFields): void {
  for (const [name, value] of new Headers(fields)) headers.set(name, value)
}

export function toMuxHeaders(headers: Headers): MuxHeaders {
  return Object.fromEntries(headers)
}

/** @throws TypeError for what cannot be a header */
export function fromMuxHeaders(fields: MuxHeaders = {}): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(fields))
    for (const item of typeof value === 'string' ? [value] : value) headers.append(name, item)
  return headers
}
