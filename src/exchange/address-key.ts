/**
 * Who counts as one client: an address of IPv4; of IPv6 its first 64 bits, since whoever has one address there has all of
 * those. @param address as adapters write it, with IPv4 inside of IPv6 as IPv4
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  return [...left, ...new Array<string>(zeros).fill('0'), ...right].slice(0, 4).join(':')
}
