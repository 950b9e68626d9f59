import assert from 'node:assert/strict'
import fc from 'fast-check'
import { bytesOf } from '../../adapters/http/smuggling/case.ts'
import { SMUGGLING_TABLE } from '../../adapters/http/smuggling/table.ts'
import { arbitraryMutations, mutate } from '../bytes.ts'
import { arbitraryConnections, sendConnection } from '../connection.ts'
import { routerTarget } from '../target.ts'

const SHARP = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ': x\r\n',
  ';',
  ',',
  '%',
  '%00',
  '%2e%2e',
  '/',
  '//',
  '*',
  '>',
  '.',
  '0\r\n\r\n',
  'ffffffffffffffff\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 18446744073709551615\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: upgrade\r\nUpgrade: websocket\r\n',
  'Expect: 100-continue\r\n',
  'Sx-Path: /admin\r\n',
  'HTTP/1.1',
  'x'.repeat(9_000),
  'X: y\r\n'.repeat(120),
  '\xff\xfe',
]

const requests = Object.values(SMUGGLING_TABLE)
  .flat()
  .map((one) => bytesOf(one, '/fuzz/a/b'))

const bytes = fc
  .tuple(fc.array(fc.constantFrom(...requests), { minLength: 1, maxLength: 3 }), arbitraryMutations(SHARP))
  .map(([parts, mutations]) => mutate(Buffer.concat(parts), mutations))

/** Requests of the smuggling table, changed, joined and cut anywhere. */
export const httpTarget = routerTarget('http', arbitraryConnections(bytes), async (connections, { httpPort }) => {
  const responses = await Promise.all(connections.map((connection) => sendConnection(httpPort, connection)))
  for (const response of responses) {
    // Whatever came, what goes back is HTTP.
    if (response.length > 0) assert.match(response.toString('latin1'), /^HTTP\/1\.1 \d{3} /)
  }
})
