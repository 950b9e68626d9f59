import { isIPv4, isIPv6, SocketAddress } from 'node:net'

/** The PROXY protocol, versions 1 and 2: what a proxy says first of the connection that it passes on. */
export interface ProxyHeader {
  /** Bytes that it takes; what follows is the client's. */
  readonly length: number
  /** The client's address; undefined: the proxy speaks for itself (a health check), or does not know. */
  readonly source: string | undefined
}

/** Why the bytes are no header; for the log. */
export class ProxyHeaderError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ProxyHeaderError'
  }
}

/** The longest text of version 1, with its line end. */
const MAX_V1_BYTES = 107
/** Of version 2, with additional fields: more than any proxy is known to send. */
export const MAX_PROXY_HEADER_BYTES = 536

const V1_BEGINNING = Buffer.from('PROXY ')
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V2_FIXED_BYTES = 16
const LF = 0x0a

/** Undefined: there is more to come. Throws ProxyHeaderError. @param bytes all that has come so far */
export function decodeProxyHeader(bytes: Uint8Array): ProxyHeader | undefined {
  if (begins(bytes, V1_BEGINNING)) return decodeText(bytes)
  if (begins(bytes, V2_SIGNATURE)) return decodeBinary(bytes)
  throw new ProxyHeaderError('the connection does not begin with a PROXY header')
}

/** Whether the bytes begin like this, as far as they go. */
function begins(bytes: Uint8Array, beginning: Buffer): boolean {
  const size = Math.min(bytes.length, beginning.length)
  return beginning.compare(bytes, 0, size, 0, size) === 0
}

function decodeText(bytes: Uint8Array): ProxyHeader | undefined {
  const lf = bytes.subarray(0, MAX_V1_BYTES).indexOf(LF)
  if (lf < 0) {
    if (bytes.length >= MAX_V1_BYTES) throw new ProxyHeaderError('a PROXY line that does not end')
    return undefined
  }
  const line = Buffer.from(bytes.subarray(0, lf + 1)).toString('latin1')
  const length = lf + 1
  if (/^PROXY UNKNOWN(?: [^\r\n]*)?\r\n$/.test(line)) return { length, source: undefined }
  const match = /^PROXY (TCP4|TCP6) (\S+) (\S+) (\d{1,5}) (\d{1,5})\r\n$/.exec(line)
  if (match === null) throw new ProxyHeaderError('a PROXY line that cannot be read')
  const [, family, source, target, ...ports] = match
  const isAddress = family === 'TCP4' ? isIPv4 : isIPv6
  if (!isAddress(source!) || !isAddress(target!) || ports.some((port) => Number(port) > 65_535)) {
    throw new ProxyHeaderError('a PROXY line with an address or a port that is none')
  }
  return { length, source: source! }
}

function decodeBinary(bytes: Uint8Array): ProxyHeader | undefined {
  if (bytes.length < V2_FIXED_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const command = bytes[12]!
  const family = bytes[13]!
  const length = V2_FIXED_BYTES + view.getUint16(14)
  if (command !== 0x20 && command !== 0x21) throw new ProxyHeaderError('a PROXY header of another version or command')
  if (length > MAX_PROXY_HEADER_BYTES) throw new ProxyHeaderError(`a PROXY header of ${length} bytes`)
  if (bytes.length < length) return undefined
  // LOCAL: whatever addresses follow are not to be looked at.
  if (command === 0x20) return { length, source: undefined }
  const addresses = bytes.subarray(V2_FIXED_BYTES, length)
  switch (family) {
    case 0x11:
      return { length, source: readIPv4(addresses) }
    case 0x21:
      return { length, source: readIPv6(addresses) }
    default:
      // Unix sockets and what is not TCP have no address that would mean anything here.
      return { length, source: undefined }
  }
}

/** Two addresses and two ports. */
function readIPv4(addresses: Uint8Array): string {
  if (addresses.length < 12) throw new ProxyHeaderError('a PROXY header without room for its addresses')
  return addresses.subarray(0, 4).join('.')
}

function readIPv6(addresses: Uint8Array): string {
  if (addresses.length < 36) throw new ProxyHeaderError('a PROXY header without room for its addresses')
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push(((addresses[i]! << 8) | addresses[i + 1]!).toString(16))
  // In its short form, as version 1 and sockets have it.
  return new SocketAddress({ family: 'ipv6', address: groups.join(':') }).address
}
