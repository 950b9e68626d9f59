import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeBinaryFrame, HEADER_BYTES } from '../../../src/adapters/framing/binary-frames.ts'
import { encodeJsonFrame } from '../../../src/adapters/framing/json-frames.ts'
import type { MuxData, MuxOpen } from '../../../src/adapters/framing/mux-frame.ts'
import type { MuxEncoding } from '../../../src/adapters/mux/mux-socket.ts'
import { ExchangeError } from '../../../src/exchange/errors.ts'
import { MAX_HEADER_BYTES, MAX_URI_BYTES, startSession } from './session-under-test.ts'

const MAX_BODY_BYTES = 64 * 1024
const MAX_LINE_BYTES = 512 * 1024

/** Names and values of so many bytes. */
function headersOf(bytes: number): Record<string, string[]> {
  return { abc: ['x'.repeat(100), 'y'.repeat(bytes - 100 - 2 * 'abc'.length)] }
}

/** A body of bytes larger by one: the encoder of binary frames does not make any that is too large. */
function oneByteMore(frame: MuxOpen | MuxData, encoding: MuxEncoding): string | Uint8Array {
  const body = frame.body as Uint8Array
  if (encoding === 'json') return encodeJsonFrame({ ...frame, body: new Uint8Array(body.length + 1) })
  const bytes = Buffer.concat([encodeBinaryFrame(frame), Buffer.alloc(1)])
  bytes.writeUInt32BE(bytes.length - HEADER_BYTES, HEADER_BYTES - 4)
  return bytes
}

/** With the query. */
function pathOf(bytes: number): string {
  return `/a?${'x'.repeat(bytes - '/a?'.length)}`
}

describe('a request over a mux session', () => {
  test('is answered in one frame', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, method: 'POST', path: '/a?b=c', body: 'hello' })
    const backend = mux.backends[0]!
    assert.equal(backend.chunks[0]?.text, 'hello')
    assert.ok(backend.ended)
    const { kind, method, host, path, query, remote, length } = backend.request
    assert.deepEqual(
      { kind, method, host, path, query, remote, length },
      { kind: 'ws', method: 'POST', host: 'example.com', path: '/a', query: 'b=c', remote: '192.0.2.1', length: 5 },
    )
    backend.respond('hi', { status: 201, headers: ['x-a', '1', 'x-b', '2', 'x-a', '3'] })
    await mux.settle()
    assert.deepEqual(mux.sent, [
      '{"t":"head","id":1,"status":201,"headers":{"x-request-id":"made-0","x-a":["1","3"],"x-b":"2"},"body":"hi","end":true}',
    ])
    assert.deepEqual(mux.ended, [{ status: 201, code: 'ok', bytesIn: 5, bytesOut: 2 }])
    assert.equal(mux.session.openExchanges, 0)
    assert.equal(mux.wheel.size, 0)
  })

  test('has GET for its method, and no body', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/' })
    assert.equal(mux.backends[0]?.request.method, 'GET')
    assert.equal(mux.backends[0]?.request.length, 0)
    assert.deepEqual(mux.backends[0]?.chunks, [])
    mux.backends[0]?.respond('')
    const [frame] = await mux.settle()
    assert.deepEqual(
      [frame?.t, frame?.t === 'head' && frame.body, frame?.t === 'head' && frame.end],
      ['head', undefined, true],
    )
  })

  test('leaves with all others of the same turn in one write', async () => {
    const mux = startSession()
    for (let id = 1; id <= 5; id++) mux.send({ t: 'open', id, path: '/' })
    await mux.settle()
    for (const backend of mux.backends) backend.respond('x')
    await mux.settle()
    assert.equal(mux.frames.length, 5)
    assert.equal(mux.corks, 1)
  })

  test('keeps bytes that are no text', async () => {
    const bytes = new Uint8Array([0, 255, 254, 10])
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/', body: bytes })
    const { client, chunks } = mux.backends[0]!
    assert.equal(chunks[0]?.text, Buffer.from(bytes).toString())
    client.head({ status: 200, headers: [], length: 4, messages: false })
    client.data(bytes)
    const [frame] = await mux.settle()
    assert.deepEqual(frame?.t === 'head' && frame.body, bytes)
  })

  test('has the header fields of its open in lower case, and those of the handshake where it has none', async () => {
    const mux = startSession({ headers: ['cookie', 'handshake', 'authorization', 'handshake'] })
    const headers = { 'X-Tier': ['a', 'b'], Cookie: 'own', Host: 'evil', 'Content-Length': '9', Connection: 'close' }
    await mux.exchange({ t: 'open', id: 1, path: '/', headers })
    assert.deepEqual(mux.backends[0]?.request.headers, [
      'x-tier',
      'a',
      'x-tier',
      'b',
      'cookie',
      'own',
      'authorization',
      'handshake',
    ])
  })

  test('keeps its own id if it is sane', async () => {
    const mux = startSession()
    await mux.exchange(
      { t: 'open', id: 1, path: '/', headers: { 'x-request-id': 'mine' } },
      { t: 'open', id: 2, path: '/', headers: { 'X-Request-Id': 'not sane' } },
    )
    assert.equal(mux.backends[0]?.request.requestId, 'mine')
    assert.match(mux.backends[1]?.request.requestId ?? '', /^made-/)
    assert.deepEqual(mux.backends[1]?.request.headers, [])
  })

  const refused: Record<string, [code: string, status: number, open: object]> = {
    'without a route': ['no_route', 404, { path: '/none' }],
    'for a WebSocket whose messages are requests': ['no_route', 404, { path: '/rpc' }],
    'with a method that the route does not take': ['method_not_allowed', 405, { method: 'PUT', path: '/only-get' }],
    'without a slash': ['bad_request', 400, { path: 'a' }],
    'with a line break in its path': ['bad_request', 400, { path: '/a\r\nSx-Route: b' }],
    'with a space in its path': ['bad_request', 400, { path: '/a b' }],
    'with a fragment': ['bad_request', 400, { path: '/a#b' }],
    'with a path that is not ASCII': ['bad_request', 400, { path: '/ä' }],
    'with a line break in its method': ['bad_request', 400, { path: '/', method: 'GET\r\n' }],
    'with the method CONNECT': ['bad_request', 400, { path: '/', method: 'CONNECT' }],
    'with a header name that is no token': ['bad_request', 400, { path: '/', headers: { 'a b': '1' } }],
    'with a line break in a header value': ['bad_request', 400, { path: '/', headers: { a: '1\r\nb: 2' } }],
    'with a list of credentials': ['bad_request', 400, { path: '/', headers: { authorization: ['a', 'b'] } }],
    'with two credentials': ['bad_request', 400, { path: '/', headers: { authorization: 'a', Authorization: 'b' } }],
    'with a NUL in a header value': ['bad_request', 400, { path: '/', headers: { a: ['1', '\0'] } }],
    'with a byte too many of headers': [
      'headers_too_large',
      431,
      { path: '/', headers: headersOf(MAX_HEADER_BYTES + 1) },
    ],
    'with a byte too many of path and query': ['uri_too_long', 414, { path: pathOf(MAX_URI_BYTES + 1) }],
    'with a method a character too long': ['bad_request', 400, { path: '/', method: 'M'.repeat(65) }],
  }
  for (const [what, [code, status, open]] of Object.entries(refused)) {
    test(`${what} is reset, and the connection lives on`, async () => {
      const mux = startSession()
      mux.session.onFrame(JSON.stringify({ t: 'open', id: 1, ...open }))
      const [frame] = await mux.settle()
      assert.ok(frame?.t === 'reset', JSON.stringify(frame))
      assert.deepEqual([frame.id, frame.code, frame.status, frame.retryable], [1, code, status, false])
      assert.deepEqual(mux.backends, [])
      assert.deepEqual([mux.ended[0]?.code, mux.ended[0]?.status], [code, status])
      await mux.exchange({ t: 'open', id: 2, path: '/' })
      assert.equal(mux.backends.length, 1)
    })
  }

  test('may be as large as a head can be', async () => {
    const mux = startSession()
    const open = { t: 'open', id: 1, method: 'M'.repeat(64), path: pathOf(MAX_URI_BYTES) } as const
    await mux.exchange({ ...open, headers: headersOf(MAX_HEADER_BYTES) })
    assert.deepEqual([mux.backends.length, mux.frames], [1, []])
    const { path, query, headers } = mux.backends[0]!.request
    assert.equal(path.length + 1 + query.length, MAX_URI_BYTES)
    assert.equal(headers.join('').length, MAX_HEADER_BYTES)
  })

  for (const encoding of ['json', 'binary'] as const) {
    for (const t of ['open', 'data'] as const) {
      test(`has 64 KiB in a frame, and with one more it is the last of the connection: ${t}, ${encoding}`, async () => {
        const mux = startSession({ encoding })
        await mux.exchange({ t: 'open', id: 1, path: '/', more: true }, { t: 'open', id: 2, path: '/', more: true })
        const frame = (id: number) => ({ t, id, path: '/', body: new Uint8Array(MAX_BODY_BYTES) })
        assert.deepEqual(await mux.exchange(frame(t === 'open' ? 3 : 1)), [])
        assert.equal(mux.backends[t === 'open' ? 2 : 0]?.bytes, MAX_BODY_BYTES)
        assert.deepEqual([mux.closed, mux.limited], [undefined, []])
        mux.session.onFrame(oneByteMore(frame(t === 'open' ? 4 : 2), encoding))
        const [goaway] = await mux.settle()
        assert.partialDeepStrictEqual(goaway, { t: 'goaway', code: 'too_large' })
        assert.equal(mux.closed?.code, 1009)
        assert.deepEqual(mux.limited, ['message_bytes'])
        assert.equal(mux.backends[0]?.error?.code, 'client_gone')
      })
    }
  }

  test('is in a line of 512 KiB, and a byte more is the last of the connection', async () => {
    const mux = startSession({ kind: 'tcp' })
    const line = '{"t":"ping"}'
    mux.session.onBytes(Buffer.from(`${line}${' '.repeat(MAX_LINE_BYTES - line.length)}\n`))
    assert.deepEqual(await mux.settle(), [{ t: 'pong' }])
    assert.deepEqual(mux.limited, [])
    mux.session.onBytes(Buffer.from(`${line}${' '.repeat(MAX_LINE_BYTES - line.length + 1)}`))
    const [goaway] = await mux.settle()
    assert.partialDeepStrictEqual(goaway, { t: 'goaway', code: 'too_large' })
    assert.equal(mux.closed?.code, 1009)
    assert.deepEqual(mux.limited, ['message_bytes'])
  })

  test('that fails says whether it is safe to send it again', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/' }, { t: 'open', id: 2, path: '/' })
    mux.backends[0]?.client.reset(new ExchangeError('no_responders', 'nobody on secret.subject'))
    mux.backends[1]?.client.reset(new ExchangeError('backend_error', 'secret', { status: 422, detail: 'shown' }))
    await mux.settle()
    assert.deepEqual(mux.sent, [
      '{"t":"reset","id":1,"code":"no_responders","status":503,"retryable":true,"detail":"No backend is listening"}',
      '{"t":"reset","id":2,"code":"backend_error","status":422,"retryable":false,"detail":"shown"}',
    ])
    assert.equal(mux.session.openExchanges, 0)
  })

  test('over the limit of open ones is refused as busy until another has ended', async () => {
    const mux = startSession({ maxExchanges: 2 })
    const frames = await mux.exchange(
      { t: 'open', id: 1, path: '/' },
      { t: 'open', id: 2, path: '/' },
      { t: 'open', id: 3, path: '/' },
    )
    assert.deepEqual(
      frames.map((frame) => frame.t === 'reset' && [frame.id, frame.code, frame.retryable]),
      [[3, 'busy', true]],
    )
    mux.backends[0]?.respond('x')
    await mux.exchange({ t: 'open', id: 4, path: '/' })
    assert.equal(mux.backends.length, 3)
    assert.equal(mux.session.openExchanges, 2)
    assert.deepEqual(mux.limited, ['streams'])
  })

  test('with a deadline is reset when no head has come by then', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/', deadline: 200 }, { t: 'open', id: 2, path: '/', deadline: 200 })
    mux.backends[1]?.stream()
    await mux.settle()
    mux.advance(150)
    assert.deepEqual(await mux.settle(), [])
    mux.advance(100)
    const [frame] = await mux.settle()
    assert.deepEqual(frame?.t === 'reset' && [frame.id, frame.code, frame.status], [1, 'timeout', 504])
    assert.equal(mux.backends[0]?.error?.code, 'timeout')
    assert.equal(mux.backends[1]?.error, undefined)
    assert.equal(mux.wheel.size, 0)
  })

  test('of HEAD has no body, whatever the backend sends', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, method: 'HEAD', path: '/' }, { t: 'open', id: 2, method: 'HEAD', path: '/' })
    mux.backends[0]?.respond('body')
    mux.backends[1]?.stream()
    const frames = await mux.settle()
    assert.deepEqual(
      frames.map((frame) => frame.t === 'head' && [frame.id, frame.body, frame.end]),
      [
        [1, undefined, true],
        [2, undefined, true],
      ],
    )
    assert.equal(mux.backends[1]?.error?.code, 'client_gone')
  })

  test('is forgotten when the client resets it', async () => {
    const mux = startSession()
    await mux.exchange({ t: 'open', id: 1, path: '/', more: true }, { t: 'reset', id: 1, code: 'client_gone' })
    assert.equal(mux.backends[0]?.error?.code, 'client_gone')
    assert.deepEqual(
      mux.ended.map(({ code, status }) => [code, status]),
      [['client_gone', 0]],
    )
    assert.equal(mux.session.openExchanges, 0)
    mux.backends[0]?.respond('late')
    assert.deepEqual(await mux.exchange({ t: 'data', id: 1, body: 'late' }, { t: 'end', id: 1 }), [])
    assert.equal(mux.closed, undefined)
  })

  test('fails if the fields of its response are too large for a frame', async () => {
    for (const encoding of ['json', 'binary'] as const) {
      const mux = startSession({ encoding })
      await mux.exchange({ t: 'open', id: 1, path: '/' })
      mux.backends[0]?.respond('x', { headers: ['x', 'y'.repeat(20_000)] })
      const [frame] = await mux.settle()
      assert.equal(frame?.t === 'reset' && frame.code, 'backend_error')
      assert.equal(mux.backends[0]?.error?.code, 'backend_error')
    }
  })
})

describe('answers that a client does not read', () => {
  const PONG_BYTES = '{"t":"pong"}'.length + 64
  const mostPongs = Math.ceil((256 * 1024) / PONG_BYTES) - 1

  test('may be 256 KiB, where it cannot be told to wait, and with one more it is cut', async () => {
    const mux = startSession({ canPause: false })
    mux.setFull(true)
    await mux.exchange({ t: 'ping' })
    for (let i = 0; i < mostPongs; i++) mux.send({ t: 'ping' })
    assert.deepEqual([mux.closed, mux.limited], [undefined, []])
    mux.send({ t: 'ping' })
    assert.equal(mux.closed?.code, 1013)
    assert.deepEqual(mux.limited, ['slow_reader'])
    assert.equal(mux.wheel.size, 0)
  })

  test('may be as many where it can, and then it is not read until it does', async () => {
    const mux = startSession({ kind: 'tcp' })
    mux.setFull(true)
    await mux.exchange({ t: 'ping' })
    for (let i = 0; i < mostPongs; i++) mux.send({ t: 'ping' })
    assert.equal(mux.paused, false)
    mux.send({ t: 'ping' })
    assert.deepEqual([mux.paused, mux.closed, mux.limited], [true, undefined, []])
    mux.setFull(false)
    assert.equal(mux.paused, false)
    assert.equal(mux.frames.length, mostPongs + 2)
  })
})
