import fc from 'fast-check'
import { bytesOf } from '../../adapters/http/smuggling/case.ts'
import { SMUGGLING_TABLE } from '../../adapters/http/smuggling/table.ts'
import { arbitraryMutations, mutate } from '../bytes.ts'
import { arbitraryConnections, sendConnection } from '../connection.ts'
import { readResponses } from '../responses.ts'
import { routerTarget } from '../target.ts'
import { TOKENS } from '../tokens.ts'

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
  'Sx-Subject-Id: root\r\n',
  'X-Tag: a.b\r\n',
  'X-User: root\r\n',
  'X-Edge: x\r\n',
  'Origin: https://pages.example\r\n',
  'Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-tag,\r\n',
  'Authorization: Bearer \r\n',
  'eyJhbGciOiJub25lIn0.',
  'token=',
  '&q=*',
  'HTTP/1.1',
  'x'.repeat(9_000),
  'X: y\r\n'.repeat(120),
  '\xff\xfe',
]

/** Routes with a body as a whole and as a stream, with values from all places, and with policies. */
const PATHS = ['/fuzz/a/b', '/stream', '/params/a?q=b', '/guarded/a?q=b']

const HOST = 'Host: a.example\r\n'

const request = fc
  .record({
    one: fc.constantFrom(...Object.values(SMUGGLING_TABLE).flat()),
    path: fc.constantFrom(...PATHS),
    token: fc.constantFrom(...TOKENS),
    fields: fc.subarray(['X-Tag: t\r\n', 'Origin: https://pages.example\r\n', 'X-Internal: 1\r\n'], { minLength: 1 }),
  })
  .map(({ one, path, token, fields }) => {
    const text = bytesOf(one, path).toString('latin1')
    const known = path.includes('?') ? `${HOST}Authorization: Bearer ${token}\r\n${fields.join('')}` : HOST
    return Buffer.from(text.replaceAll(HOST, known), 'latin1')
  })

const bytes = fc
  .tuple(fc.array(request, { minLength: 1, maxLength: 3 }), arbitraryMutations(SHARP))
  .map(([parts, mutations]) => mutate(Buffer.concat(parts), mutations))

/** Requests of the smuggling table, changed, joined and cut anywhere: whatever came, what goes back is HTTP. */
export const httpTarget = routerTarget('http', arbitraryConnections(bytes), async (connections, { httpPort }) => {
  await Promise.all(
    connections.map(async (connection) => {
      const response = await sendConnection(httpPort, connection)
      readResponses(response, Buffer.from(connection.bytes).includes('HEAD'))
    }),
  )
})
