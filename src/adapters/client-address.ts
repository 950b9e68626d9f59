/** In bytes, where IPv4 is inside of IPv6. */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

const MAX_KNOWN = 4096
/** By the number that an address of IPv4 is. A text that is made anew for each request is hashed anew where it is looked up. */
const known = new Map<number, string>()

/** Four bytes of IPv4 or sixteen of IPv6 as text; IPv4 inside of IPv6 is IPv4. Empty: the client has gone already. */
export function addressText(address: ArrayBuffer): string {
  const bytes = new Uint8Array(address)
  if (bytes.length === 4) return ipv4Text(bytes, 0)
  if (bytes.length !== 16) return ''
  if (MAPPED.every((byte, i) => bytes[i] === byte)) return ipv4Text(bytes, 12)
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!)
  return compress(groups)
}

function ipv4Text(bytes: Uint8Array, at: number): string {
  const number = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  let text = known.get(number)
  if (text === undefined) {
    if (known.size === MAX_KNOWN) known.clear()
    text = bytes.subarray(at, at + 4).join('.')
    known.set(number, text)
  }
  return text
}

/** RFC 5952: the longest run of two zeros or more, the first of several, is `::`. */
function compress(groups: readonly number[]): string {
  let start = 8
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > length) {
      start = i
      length = end - i
    }
    i = Math.max(i, end)
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  return start === 8 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
}

/** How IPv4 looks to a socket that listens for IPv6 as well. */
export function withoutMapping(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address
}
