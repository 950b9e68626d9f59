import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ExchangeError } from '../../../../src/exchange/errors.ts'
import { type Gateway, startGateway } from '../../../support/gateway.ts'
import { natsUrl } from '../../../support/nats.ts'
import { openRaw } from '../../../support/raw-http.ts'
import { type RecordingBackend, startRecordingBackend } from './recording-backend.ts'

const CHUNKED = 'Host: a.example\r\nTransfer-Encoding: chunked\r\n'
const BODY = '5\r\nhello\r\n0\r\n\r\n'

/** Where a chunked body ends is in doubt, so that what came with it in one read is no request either. */
describe('what is behind a chunked request is no request, where that one', () => {
  let gateway: Gateway
  let backend: RecordingBackend
  let admits = true

  before(async () => {
    const url = await natsUrl()
    backend = await startRecordingBackend(url, `t${process.pid}refused`)
    gateway = await startGateway({
      natsUrl: url,
      gate: { admits: () => admits, refusal: new ExchangeError('busy', 'too much of everything') },
      routes: [
        { ...backend.route, match: { path: '/behind' } },
        {
          name: 'small',
          match: { path: '/small', methods: ['POST'] },
          subject: 'small',
          limits: { bodyBytes: 4 },
          policies: [{ cors: { origins: ['https://a.example'] } }],
        },
      ],
    })
  })
  after(async () => {
    await gateway.assertIdle()
    await gateway.close()
    await backend.close()
  })

  for (const [what, head] of [
    ['has no route', `POST /nowhere HTTP/1.1\r\n${CHUNKED}`],
    ['has another method', `PUT /small HTTP/1.1\r\n${CHUNKED}`],
    ['has too long a URI', `POST /${'a'.repeat(10_000)} HTTP/1.1\r\n${CHUNKED}`],
    ['has too large a body', `POST /small HTTP/1.1\r\n${CHUNKED}`],
    [
      'is the question of a browser',
      `OPTIONS /small HTTP/1.1\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n${CHUNKED}`,
    ],
  ] as const) {
    test(what, () => send(head))
  }

  test('is one too many', async () => {
    admits = false
    await send(`POST /small HTTP/1.1\r\n${CHUNKED}`)
  })

  async function send(head: string): Promise<void> {
    const raw = await openRaw(gateway.port)
    raw.socket.once('data', () => {
      admits = true
    })
    raw.write(`${head}\r\n${BODY}GET /behind HTTP/1.1\r\nHost: a.example\r\n\r\n`)
    const answer = await raw.closed()
    assert.ok(answer.split('HTTP/1.1 ').length <= 2, answer)
    assert.deepEqual(backend.received, [])
  }
})
