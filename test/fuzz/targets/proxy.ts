import fc from 'fast-check'
import { arbitraryMutations, mutate } from '../bytes.ts'
import { arbitraryConnections, sendConnection } from '../connection.ts'
import { routerTarget } from '../target.ts'

const V2 = '0d0a0d0a000d0a515549540a'
const SHARP = ['\r\n', ' ', 'PROXY ', 'UNKNOWN', '65536', '::1', '\0', '\xff\xff', '\n']

const headers = [
  Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 8888 8080\r\n'),
  Buffer.from('PROXY TCP6 2001:db8::1 ::2 65535 1\r\n'),
  Buffer.from('PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n'),
  Buffer.from(`${V2}2111000cc0000201c000020222b81f90`, 'hex'),
  Buffer.from(`${V2}21210024${'20010db8000000000000000000000001'.repeat(2)}22b81f90`, 'hex'),
  Buffer.from(`${V2}20000000`, 'hex'),
  Buffer.from(`${V2}211100150c0000201c000020222b81f900400060000000100026832`, 'hex'),
  Buffer.alloc(0),
]

const bytes = fc
  .tuple(fc.constantFrom(...headers), arbitraryMutations(SHARP), fc.uint8Array({ maxLength: 700 }))
  .map(([header, mutations, rest]) => Buffer.concat([mutate(header, mutations), Buffer.from('line\n'), rest]))

/** The PROXY protocol of both versions, changed and cut anywhere, in front of lines. */
export const proxyTarget = routerTarget('proxy', arbitraryConnections(bytes), async (connections, { tcp }) => {
  await Promise.all(
    connections.flatMap((connection) => [
      sendConnection(tcp.proxied, connection),
      sendConnection(tcp.lines, connection),
    ]),
  )
})
