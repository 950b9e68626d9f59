import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { openSocket } from '../adapters/websocket/start-client.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'
import { type StreamBackend, startStreamBackend } from '../support/stream-backend.ts'

const MAX_HEADER_BYTES = 4096
const MAX_URI_BYTES = 512
const MAX_BODY_BYTES = 1000
const MAX_MESSAGE_BYTES = 2048
/** Of uWebSockets: it cannot be set. */
const MAX_HEADER_FIELDS = 98
const MAX_SUBJECT_BYTES = 512

const SUBJECT = `limits.requests.${process.pid}`
const STREAM_SUBJECT = `limits.requests-stream.${process.pid}`

describe('a request', () => {
  let nats: NatsConnection
  let backend: StreamBackend
  let gateway: Gateway

  before(async () => {
    const url = await natsUrl()
    backend = await startStreamBackend(url)
    await backend.handle(STREAM_SUBJECT, (stream) => {
      stream.accept(1, 64 * 1024)
      stream.head({ status: 200, headers: [] })
      return { data: (chunk, meta) => stream.data(chunk, meta), end: () => stream.end() }
    })
    nats = await connect({ servers: url })
    nats.subscribe(`${SUBJECT}.>`, { callback: (_error, message) => void message.respond(message.data) })
    await nats.flush()
    gateway = await startGateway({
      natsUrl: url,
      routes: [
        { name: 'one', match: { path: '/one' }, subject: `${SUBJECT}.one`, limits: { bodyBytes: '1000B' } },
        { name: 'any', match: { path: '/any/{rest...}' }, subject: `${SUBJECT}.{rest}` },
        { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: `${SUBJECT}.rpc`, websocket: 'rpc' },
        { name: 'stream', match: { kind: 'ws', path: '/stream' }, subject: STREAM_SUBJECT },
      ],
      maxHeaderBytes: MAX_HEADER_BYTES,
      maxUriBytes: MAX_URI_BYTES,
      webSocket: { maxMessageBytes: MAX_MESSAGE_BYTES },
    })
  })

  after(async () => {
    await gateway.assertIdle()
    await gateway.close()
    await nats.close()
    await backend.close()
  })

  /** The status line and what follows. */
  async function ask(head: string, body = ''): Promise<string> {
    const raw = await openRaw(gateway.port)
    raw.write(`${head}\r\n\r\n${body}`)
    const answer = await raw.until(/^HTTP\/1\.1 \d{3}[\s\S]*\r\n\r\n/)
    raw.destroy()
    return answer
  }

  /** The neighbour is served, and what was refused is counted by its code. */
  async function assertCounted(code: string): Promise<void> {
    assert.equal(gateway.ended.at(-1)?.code, code)
    assert.match(await ask('GET /one HTTP/1.1\r\nHost: x'), /^HTTP\/1\.1 204/)
  }

  test('has as many bytes of header fields as it may, or gets 431', async () => {
    const rest = 'host'.length + 'x'.length + 'a'.length
    const head = (bytes: number) => `GET /one HTTP/1.1\r\nHost: x\r\nA: ${'v'.repeat(bytes - rest)}`
    assert.match(await ask(head(MAX_HEADER_BYTES)), /^HTTP\/1\.1 204/)
    assert.match(await ask(head(MAX_HEADER_BYTES + 1)), /^HTTP\/1\.1 431 [\s\S]*"code":"headers_too_large"/)
    await assertCounted('headers_too_large')
  })

  test('has as many header fields as it may, or gets 431 from uWebSockets', async () => {
    const head = (fields: number) => `GET /one HTTP/1.1\r\nHost: x${'\r\nA: b'.repeat(fields - 1)}`
    assert.match(await ask(head(MAX_HEADER_FIELDS)), /^HTTP\/1\.1 204/)
    const before = gateway.limited.count('unfinished_head')
    assert.match(await ask(head(MAX_HEADER_FIELDS + 1)), /^HTTP\/1\.1 431/)
    assert.equal(gateway.limited.count('unfinished_head'), before + 1)
  })

  test('has a URI as long as it may be, or gets 414', async () => {
    const head = (bytes: number) => `GET /one?${'q'.repeat(bytes - '/one'.length)} HTTP/1.1\r\nHost: x`
    assert.match(await ask(head(MAX_URI_BYTES)), /^HTTP\/1\.1 204/)
    assert.match(await ask(head(MAX_URI_BYTES + 1)), /^HTTP\/1\.1 414 [\s\S]*"code":"uri_too_long"/)
    await assertCounted('uri_too_long')
  })

  test('has a body as large as it may be, or gets 413', async () => {
    const head = 'POST /one HTTP/1.1\r\nHost: x'
    const sized = (bytes: number) => ask(`${head}\r\nContent-Length: ${bytes}`, 'x'.repeat(bytes))
    const chunked = (bytes: number) =>
      ask(`${head}\r\nTransfer-Encoding: chunked`, `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n0\r\n\r\n`)
    for (const send of [sized, chunked]) {
      assert.match(await send(MAX_BODY_BYTES), /^HTTP\/1\.1 200/)
      assert.match(await send(MAX_BODY_BYTES + 1), /^HTTP\/1\.1 413 [\s\S]*"code":"too_large"/)
      await assertCounted('too_large')
    }
  })

  test('leads to a subject as long as it may be, or gets 400', async () => {
    const value = MAX_SUBJECT_BYTES - SUBJECT.length - 1
    const head = (bytes: number) => `GET /any/${'s'.repeat(bytes)} HTTP/1.1\r\nHost: x`
    assert.match(await ask(head(value)), /^HTTP\/1\.1 204/)
    assert.match(await ask(head(value + 1)), /^HTTP\/1\.1 400 [\s\S]*"code":"subject_invalid"/)
    await assertCounted('subject_invalid')
  })

  for (const path of ['rpc', 'stream']) {
    test(`over WebSocket, ${path}, is a message as large as it may be, or the connection is closed with 1009`, async () => {
      const before = gateway.limited.count('message_bytes')
      const socket = await openSocket(`${gateway.url}/${path}`)
      const largest = 'x'.repeat(MAX_MESSAGE_BYTES)
      socket.ws.send(largest)
      assert.deepEqual(await socket.messages(1), [largest])
      assert.equal(gateway.limited.count('message_bytes'), before)
      socket.ws.send(`${largest}x`)
      assert.deepEqual(await socket.closed(), { code: 1009, reason: 'too_large' })
      assert.equal(gateway.limited.count('message_bytes'), before + 1)
      assert.match(await ask('GET /one HTTP/1.1\r\nHost: x'), /^HTTP\/1\.1 204/)
    })

    test(`over WebSocket, ${path}, is not even read if it is more than twice as large`, async () => {
      const before = gateway.limited.count('message_bytes')
      for (const [bytes, code] of [
        [2 * MAX_MESSAGE_BYTES, 1009],
        [2 * MAX_MESSAGE_BYTES + 1, 1006],
      ] as const) {
        const socket = await openSocket(`${gateway.url}/${path}`)
        socket.ws.send('x'.repeat(bytes))
        assert.equal((await socket.closed()).code, code)
      }
      assert.equal(gateway.limited.count('message_bytes'), before + 2)
    })
  }
})
