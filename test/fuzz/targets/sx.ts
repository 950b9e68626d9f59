import fc from 'fast-check'
import { createInbox, type MsgHdrs } from 'nats'
import { EncodedHeaders } from '../../../src/nats/encoded-headers.ts'
import { arbitraryMutations, mutate } from '../bytes.ts'
import { sendConnection } from '../connection.ts'
import { routerTarget } from '../target.ts'

const SHARP = ['\r\n', '\r', '\n', ':', ' ', '\0', '\xff', '-1', '18446744073709551616', '1e9', 'Sx: ', 'Sx-End: 1\r\n']

const number = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4), fc.constantFrom('-', '', '-1', '1.5', 2 ** 31, 2 ** 53, '0x1'))
const fields = fc.dictionary(
  fc.constantFrom('Sx-Status', 'Sx-Credit', 'Sx-Max', 'Sx-Bytes', 'Sx-Code', 'Sx-End', 'Sx-Fin', 'Sx-Type', 'Sx-Event'),
  fc.oneof(
    fc.constantFrom('200', '204', '99', '600', '1', '0', '65536', '999999999999', 'text', 'binary', 'busy', 'draining'),
    fc.constantFrom('no_responders', 'x y', '', 'content-length: 1', '\u00e9'),
  ),
  { maxKeys: 4 },
)
const others = fc.constantFrom(
  '',
  'content-length: 5\r\n',
  'content-length: -1\r\n',
  'transfer-encoding: chunked\r\n',
  'set-cookie: a=1\r\nset-cookie: b=2\r\n',
  'Nats-Service-Error-Code: 404\r\nNats-Service-Error: x\r\n',
  'Status: 503\r\n',
)

/** The header block of a frame that is right, or nearly. */
const block = fc
  .record({
    first: fc.constantFrom('NATS/1.0', 'NATS/1.0', 'NATS/1.0', 'NATS/1.0 503', 'NATS/1.0 100 x'),
    type: fc.constantFrom(
      'accept',
      'head',
      'data',
      'data',
      'end',
      'reset',
      'credit',
      'ping',
      'pong',
      'open',
      'what',
      '',
    ),
    n: number,
    fields,
    others,
  })
  .map(({ first, type, n, fields, others }) => {
    const sx = type === '' ? '' : `Sx: ${type} ${n}\r\n`
    const rest = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
    return Buffer.from(`${first}\r\n${sx}${rest.join('')}${others}\r\n`, 'latin1')
  })

/** As a backend would send it, seq after seq, with its subject on the first. */
const goodResponse = [
  'Sx: accept 1\r\nSx-Credit: 262144\r\nSx-Max: 65536\r\n',
  'Sx: head 1\r\nSx-Status: 200\r\n',
  'Sx: data 2\r\n',
  'Sx: data 3\r\n',
  'Sx: end 4\r\nSx-Bytes: 10\r\n',
].map((text) => Buffer.from(`NATS/1.0\r\n${text}\r\n`))

const message = fc.record({
  block: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...goodResponse) },
    { weight: 3, arbitrary: block },
    { weight: 1, arbitrary: fc.constant(undefined) },
  ),
  mutations: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: arbitraryMutations(SHARP) }),
  payload: fc.constantFrom('hello', 'hello', 'hello', 'hello', '', '', 'x'.repeat(70_000)),
  hasReply: fc.boolean(),
})

const exchanges = fc.array(
  fc.record({
    path: fc.constantFrom('single', 'many', 'stream'),
    body: fc.constantFrom('', 'hello', 'x'.repeat(5_000)),
  }),
  { minLength: 1, maxLength: 20 },
)

/** What a backend answers that nobody should trust: frames of SX/1 and none, whole or changed, in any order. */
export const sxTarget = routerTarget(
  'sx',
  fc.record({ exchanges, messages: fc.array(message, { maxLength: 10 }) }),
  async ({ exchanges, messages }, stage) => {
    stage.hostile = (reply) => {
      const inbox = createInbox()
      for (const { block, mutations, payload, hasReply } of messages) {
        const headers = block && (new EncodedHeaders(headerBlock(block, mutations)) as unknown as MsgHdrs)
        stage.hostileNats.publish(reply, Buffer.from(payload), {
          ...(headers && { headers }),
          ...(hasReply && { reply: inbox }),
        })
      }
    }
    await Promise.all(
      exchanges.map(({ path, body }) => {
        const head = `POST /hostile/${path} HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${body.length}\r\n\r\n`
        return sendConnection(stage.httpPort, { bytes: Buffer.from(head + body), cuts: [], ending: 'wait' })
      }),
    )
    // Or what is on its way would grow from case to case, and hold up those who behave.
    await stage.hostileNats.flush()
  },
)

/** The server holds a block to its first and last bytes; what is between them is the backend's. */
function headerBlock(block: Buffer, mutations: Parameters<typeof mutate>[1]): Buffer {
  if (mutations.length === 0) return block
  return Buffer.concat([Buffer.from('NATS/1.0\r\n'), mutate(block.subarray(10, -2), mutations), Buffer.from('\r\n')])
}
