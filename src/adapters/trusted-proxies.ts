import { BlockList, isIP } from 'node:net'
import type { HeaderList } from '../exchange/exchange.ts'
import { withoutMapping } from './client-address.ts'

/** The proxies in front of the router, whose word on who their client is is taken. */
export interface TrustedProxies {
  has(address: string): boolean
  /**
   * The client's address: the last of `X-Forwarded-For` that is no trusted proxy's. Whatever stands before it is the
   * client's own word. @param address of the connection
   */
  clientOf(address: string, headers: HeaderList): string
}

/** @param ranges addresses, or CIDR ranges such as 10.0.0.0/8, that were checked before; undefined if there are none */
export function trustProxies(ranges: readonly string[]): TrustedProxies | undefined {
  if (ranges.length === 0) return undefined
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = familyOf(address)
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  const has = (address: string) => isPlainAddress(address) && list.check(address, familyOf(address))
  return {
    has,
    clientOf(address, headers) {
      if (!has(address)) return address
      let client = address
      // Fields of the same name are one list, in their order.
      for (let i = headers.length - 2; i >= 0; i -= 2) {
        if (headers[i] !== 'x-forwarded-for') continue
        const value = headers[i + 1]!
        for (let end = value.length; end >= 0; ) {
          const comma = end === 0 ? -1 : value.lastIndexOf(',', end - 1)
          const hop = parseHop(value.slice(comma + 1, end))
          // What cannot be read is nobody's word: the hop that wrote it is the last that is known.
          if (hop === undefined) return client
          client = hop
          if (!has(client)) return client
          end = comma
        }
      }
      return client
    },
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4'
}

/** Some proxies add the port, with brackets around an IPv6 address. */
function parseHop(text: string): string | undefined {
  const hop = text.trim()
  const match = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(hop) ?? /^(\d[\d.]*)(?::\d{1,5})?$/.exec(hop)
  const address = withoutMapping((match === null ? hop : match[1]!).toLowerCase())
  return isPlainAddress(address) ? address : undefined
}

/** Without a zone (`fe80::1%eth0`), which has no meaning on another machine. */
function isPlainAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%')
}
