/** The grammar of a request's head, where what reads it lets more pass than the RFCs do. */

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** RFC 9112 section 3.2.1, of visible ASCII; a fragment is no part of a target. */
const PATH = /^\/[\x21\x22\x24-\x7e]*$/
const QUERY = /^[\x21\x22\x24-\x7e]*$/
/** RFC 9112 section 3.2: names and addresses that DNS and URLs know, and a port. */
const HOST = /^(?:[a-z0-9_.-]{1,255}|\[[0-9a-f:.]{2,45}\])(?::\d{0,5})?$/i
const MAX_PORT = 65_535

/** What a method, the name of a field and a subprotocol have to be. */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

export function isTarget(path: string, query: string): boolean {
  return PATH.test(path) && QUERY.test(query)
}

/** The host of a `Host` field, in lower case and without the port; undefined if the field is malformed. */
export function parseHost(field: string): string | undefined {
  if (!HOST.test(field)) return undefined
  // A colon inside brackets belongs to an IPv6 address.
  const colon = field.indexOf(':', field.lastIndexOf(']') + 1)
  if (colon < 0) return field.toLowerCase()
  return Number(field.slice(colon + 1)) > MAX_PORT ? undefined : field.slice(0, colon).toLowerCase()
}
