/** What header fields may cross between a client and NATS, in either direction. */

/** RFC 9110 section 7.6.1: they speak of one connection, not of the exchange. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
])

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VISIBLE_ASCII = /^[\x20-\x7e]*$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/

/**
 * Whether a field goes on to the other side: not hop-by-hop, not one that NATS servers, micro services or SX/1 read
 * themselves (`Nats-Trace-Only` would suppress delivery), and a proper token.
 * @param name in lower case
 */
export function isForwardable(name: string): boolean {
  return (
    !(HOP_BY_HOP.has(name) || name.startsWith('nats-') || name.startsWith('sx-') || name === 'sx') && TOKEN.test(name)
  )
}

/**
 * The value as visible ASCII, anything beyond it percent-encoded as UTF-8; undefined if it holds a control character
 * other than tab, which no field value may.
 */
export function toAsciiValue(value: string): string | undefined {
  if (VISIBLE_ASCII.test(value)) return value
  if (CONTROL.test(value)) return undefined
  // A tab is legal white space in a field; encodeURI would hide it.
  return value
    .toWellFormed()
    .replaceAll('\t', ' ')
    .replace(/[^\x20-\x7e]+/g, encodeURIComponent)
}

/** Whether a response header value may be written to a client as it is. */
export function isSafeValue(value: string): boolean {
  return !CONTROL.test(value)
}
