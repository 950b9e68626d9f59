import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { headers as createHeaders, ErrorCode } from 'nats'
import type { Stream } from '../../../src/wire/stream.ts'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { startNats, type TestNats } from '../../support/nats.ts'
import { openRaw } from '../../support/raw-http.ts'
import { type StreamBackend, startStreamBackend } from '../../support/stream-backend.ts'

const MiB = 1024 * 1024

/** Bytes that show where they belong. */
function pattern(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  for (let i = 0; i + 4 <= bytes; i += 4) buffer.writeUInt32LE(i, i)
  return buffer
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('SX/1 streams over HTTP', () => {
  let server: TestNats
  let backend: StreamBackend
  let gateway: Gateway
  /** The stream that a test drives by hand. */
  let held: Stream | undefined

  before(async () => {
    server = await startNats()
    backend = await startStreamBackend(server.url)
    await backend.handle('sx.echo', (stream, open) => {
      stream.accept(1, 64 * 1024)
      stream.head({ status: 200, headers: ['content-type', 'application/octet-stream'] })
      if (open.payload.length > 0) stream.data(open.payload)
      if (!open.more) stream.end()
      return { data: (chunk) => stream.data(chunk), drained: () => stream.drained(), end: () => stream.end() }
    })
    await backend.handle('sx.digest', (stream, open) => {
      stream.accept(1, 64 * 1024)
      const hash = createHash('sha256').update(open.payload)
      let bytes = open.payload.length
      const done = () => {
        stream.head({ status: 201, headers: ['content-type', 'text/plain'] })
        stream.data(Buffer.from(`${bytes} ${hash.digest('hex')}`))
        stream.end()
      }
      if (!open.more) done()
      return {
        data(chunk) {
          hash.update(chunk)
          bytes += chunk.length
          return true
        },
        end: done,
      }
    })
    await backend.handle('sx.download', (stream, open) => {
      const query = open.headers[open.headers.indexOf('sx-query') + 1]!
      const body = pattern(Number(new URLSearchParams(query).get('bytes')))
      stream.head({ status: 200, headers: ['content-length', String(body.length)] })
      let sent = 0
      const pump = () => {
        while (sent < body.length) {
          const chunk = body.subarray(sent, sent + 50_000)
          sent += chunk.length
          if (!stream.data(chunk)) return
        }
        stream.end()
      }
      pump()
      return { drained: pump }
    })
    await backend.handle('sx.hand', (stream) => {
      stream.accept(1, 64 * 1024)
      held = stream
      return { data: () => true }
    })
    let asked = 0
    backend.nats.subscribe('sx.busy', {
      callback: (_error, message) => {
        const headers = createHeaders()
        if (asked++ < 2) {
          headers.set('Sx', 'reset -')
          headers.set('Sx-Code', 'busy')
        }
        message.respond(asked <= 2 ? '' : `asked ${asked} times: ${message.string()}`, { headers })
      },
    })
    await backend.nats.flush()
    const route = (name: string) => ({
      name,
      match: { path: `/${name}` },
      subject: `sx.${name}`,
      body: 'stream' as const,
      limits: { bodyBytes: '100MiB' },
    })
    gateway = await startGateway({
      natsUrl: server.url,
      routes: [
        ...['echo', 'digest', 'download', 'hand', 'busy'].map(route),
        { name: 'whole', match: { path: '/whole' }, subject: 'sx.echo' },
        { name: 'events', match: { path: '/events' }, subject: 'sx.hand', reply: 'many' },
      ],
    })
  })
  after(async () => {
    await gateway.close()
    await backend.close()
    await server.stop()
  })
  afterEach(async () => {
    held = undefined
    await gateway.assertIdle()
    await eventually('the backend is idle', () => backend.open === 0)
    gateway.ended.length = 0
    backend.resets.length = 0
  })

  const hand = () => eventually('the backend has it', () => held)
  const codes = () => gateway.ended.map(({ code }) => code)

  test('a small body goes and comes back, with the backend knowing or not whether more follows', async () => {
    for (const path of ['/echo', '/whole']) {
      for (const body of ['', 'abc']) {
        const response = await fetch(gateway.url + path, { method: 'POST', body })
        assert.equal(await response.text(), body)
        assert.equal(response.headers.get('content-type'), 'application/octet-stream')
      }
    }
  })

  test('an upload of 40 MiB arrives whole', async () => {
    const body = pattern(40 * MiB)
    const response = await fetch(`${gateway.url}/digest`, { method: 'PUT', body })
    assert.equal(response.status, 201)
    assert.equal(await response.text(), `${body.length} ${sha256(body)}`)
  })

  test('a download of 40 MiB arrives whole, also when the client reads slowly', async () => {
    const response = await fetch(`${gateway.url}/download?bytes=${40 * MiB}`)
    assert.equal(response.headers.get('content-length'), String(40 * MiB))
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of response.body!) {
      hash.update(chunk)
      bytes += chunk.length
      if (bytes % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal(bytes, 40 * MiB)
    assert.equal(hash.digest('hex'), sha256(pattern(40 * MiB)))
  })

  test('an echo of 20 MiB streams both ways at once', async () => {
    const body = pattern(20 * MiB)
    const response = await fetch(`${gateway.url}/echo`, { method: 'POST', body })
    assert.equal(sha256(Buffer.from(await response.arrayBuffer())), sha256(body))
  })

  test('the head leaves with the first chunk, and each chunk at once', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('GET /hand HTTP/1.1\r\nHost: x\r\n\r\n')
    const stream = await hand()
    stream.head({ status: 202, headers: ['x-a', '1'] })
    stream.data(Buffer.from('one'))
    assert.match(await raw.until(/3\r\none$/), /^HTTP\/1\.1 202 Accepted\r\n[\s\S]*x-a: 1\r\n/)
    stream.data(Buffer.from('two'))
    await raw.until(/3\r\ntwo$/)
    stream.end()
    await raw.until(/\r\n0\r\n\r\n$/)
    raw.destroy()
  })

  test('messages become events, with their names and ids', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n')
    const stream = await hand()
    stream.head({ status: 200, headers: [] })
    stream.data(Buffer.from('hello'), { event: 'greeting', id: '5' })
    await raw.until(/id: 5\nevent: greeting\ndata: hello\n\n/)
    stream.end()
    await raw.until(/\r\n0\r\n\r\n$/)
    raw.destroy()
  })

  test('a client that leaves resets the backend', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('GET /hand HTTP/1.1\r\nHost: x\r\n\r\n')
    await hand()
    raw.destroy()
    await eventually('the reset', () => backend.resets.length === 1)
    assert.equal(backend.resets[0]?.code, 'client_gone')
  })

  test('a backend that resets before the head is an error, and after it a cut', async () => {
    const before = fetch(`${gateway.url}/hand`)
    const { ExchangeError } = await import('../../../src/exchange/errors.ts')
    ;(await hand()).reset(new ExchangeError('forbidden', 'no', { detail: 'not you' }))
    const response = await before
    assert.equal(response.status, 403)
    assert.equal(((await response.json()) as { detail: string }).detail, 'not you')
    held = undefined
    const raw = await openRaw(gateway.port)
    raw.write('GET /hand HTTP/1.1\r\nHost: x\r\n\r\n')
    const stream = await hand()
    stream.head({ status: 200, headers: [] })
    stream.data(Buffer.from('part'))
    await raw.until(/part/)
    stream.reset(new ExchangeError('backend_error', 'broke'))
    assert.doesNotMatch(await raw.closed(), /\r\n0\r\n\r\n/)
    assert.deepEqual(codes(), ['forbidden', 'backend_error'])
  })

  test('a lost frame is a gap and a cut, never a short response that looks whole', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('GET /hand HTTP/1.1\r\nHost: x\r\n\r\n')
    const stream = await hand()
    stream.head({ status: 200, headers: [] })
    // As lost on the way: what is sent while the stream believes that it is not.
    const lost = stream as unknown as { data(chunk: Uint8Array): boolean }
    const publish = backend.nats.publish
    backend.nats.publish = () => {}
    lost.data(Buffer.from('lost'))
    backend.nats.publish = publish
    stream.data(Buffer.from('kept'))
    assert.doesNotMatch(await raw.closed(), /kept|\r\n0\r\n\r\n/)
    await gateway.assertIdle()
    assert.deepEqual(codes(), ['gap'])
  })

  test('a backend that vanishes is found by the next frame that asks', async () => {
    const vanishing = await startStreamBackend(server.url)
    await vanishing.handle('sx.vanishing', (stream) => {
      stream.accept(1, 64 * 1024)
      held = stream
      return {}
    })
    await vanishing.nats.flush()
    gateway.setRoutes([{ name: 'vanishing', match: { path: '/vanishing' }, subject: 'sx.vanishing', body: 'stream' }])
    const raw = await openRaw(gateway.port)
    raw.write('POST /vanishing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    await hand()
    await vanishing.close()
    // Until the server has noticed, what is sent to it is lost in silence, and only a later ping finds out.
    await eventually('the server has noticed', () =>
      backend.nats.request('sx.vanishing').catch(({ code }: { code: string }) => code === ErrorCode.NoResponders),
    )
    raw.write('3\r\ndef\r\n0\r\n\r\n')
    assert.match(await raw.until(/backend_lost/), /^HTTP\/1\.1 502 /)
    raw.destroy()
  })

  test('a backend that is busy is passed over', async () => {
    gateway.setRoutes([{ name: 'busy', match: { path: '/busy' }, subject: 'sx.busy' }])
    const response = await fetch(`${gateway.url}/busy`, { method: 'POST', body: 'kept' })
    assert.equal(await response.text(), 'asked 3 times: kept')
  })
})
