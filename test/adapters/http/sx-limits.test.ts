import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { headers as createHeaders } from 'nats'
import type { Stream } from '../../../src/wire/stream.ts'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { openRaw } from '../../support/raw-http.ts'
import { type StreamBackend, startStreamBackend } from '../../support/stream-backend.ts'

const P = `t${process.pid}limits`
const POST = 'POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'

describe('a stream that comes to a limit', () => {
  let backend: StreamBackend
  let gateway: Gateway
  /** The stream that a test drives by hand. */
  let held: Stream | undefined
  /** What a backend by hand names as its subject. */
  let named = ''

  before(async () => {
    const url = await natsUrl()
    backend = await startStreamBackend(url)
    await backend.handle(`${P}.hand`, (stream) => {
      stream.accept(1, 64 * 1024)
      held = stream
      return { data: () => true }
    })
    backend.nats.subscribe(`${P}.plain`, { callback: (_error, message) => void message.respond('enough') })
    backend.nats.subscribe(`${P}.large`, {
      callback: (_error, message) => void message.respond(`${'x'.repeat(200_000)}enough`),
    })
    backend.nats.subscribe(`${P}.named`, {
      callback: (_error, message) => {
        const headers = createHeaders()
        headers.set('Sx', 'accept 1')
        backend.nats.publish(message.reply!, '', { headers, reply: named === '' ? message.reply! : named })
      },
    })
    await backend.nats.flush()
    const route = (name: string) => ({
      name,
      match: { path: `/${name}` },
      subject: `${P}.${name}`,
      body: 'stream' as const,
      timeout: '2s',
    })
    gateway = await startGateway({
      natsUrl: url,
      routes: [
        ...['hand', 'plain', 'large', 'named'].map(route),
        { ...route('short'), subject: `${P}.hand`, maxDuration: '150ms' },
        { ...route('small'), subject: `${P}.hand`, limits: { bodyBytes: '1KiB' } },
      ],
    })
  })
  after(async () => {
    await gateway.close()
    await backend.close()
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

  test('is a 504 when its time is over before the head, and the backend hears of it', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('GET /short HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.match(await raw.until(/timeout/), /^HTTP\/1\.1 504 /)
    raw.destroy()
    await eventually('the reset', () => backend.resets.length === 1)
    assert.equal(backend.resets[0]?.code, 'timeout')
  })

  test('is cut when its time is over after the head', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('GET /short HTTP/1.1\r\nHost: x\r\n\r\n')
    const stream = await hand()
    stream.head({ status: 200, headers: [] })
    stream.data(Buffer.from('part'))
    assert.doesNotMatch(await raw.closed(), /\r\n0\r\n\r\n/)
    assert.deepEqual(codes(), ['timeout'])
  })

  test('is a 413 when more of the body comes than the route takes', async () => {
    const raw = await openRaw(gateway.port)
    raw.write(`${POST.replace('%s', '/small')}3\r\nabc\r\n`)
    await hand()
    raw.write(`800\r\n${'x'.repeat(2048)}\r\n`)
    assert.match(await raw.until(/too_large/), /^HTTP\/1\.1 413 /)
    raw.destroy()
    await eventually('the reset', () => backend.resets.length === 1)
    assert.equal(backend.resets[0]?.code, 'too_large')
  })

  for (const path of ['/plain', '/large']) {
    test(`leaves the connection in order when a whole response comes before the body is: ${path}`, async () => {
      const raw = await openRaw(gateway.port)
      raw.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc`)
      await raw.until(/enough$/)
      raw.write('defGET /plain HTTP/1.1\r\nHost: x\r\n\r\n')
      await raw.until(/enoughHTTP\/1\.1 200 OK[\s\S]*enough$/)
      raw.destroy()
    })
  }

  test('hears that its client leaves, also after a body whose end came with its beginning', async () => {
    const raw = await openRaw(gateway.port)
    raw.write(`${POST.replace('%s', '/hand')}3\r\nabc\r\n0\r\n\r\n`)
    await hand()
    raw.socket.end()
    await eventually('the reset', () => backend.resets.length === 1)
    assert.equal(backend.resets[0]?.code, 'client_gone')
  })

  for (const [what, subject] of [
    ['the server', '$JS.API.STREAM.DELETE.orders'],
    ['routers, for their operators', 'engine-router.admin.x.drain'],
    ['many', `${P}.*`],
    ['the router itself', ''],
    ['nobody, at length', `${P}.${'x'.repeat(600)}`],
  ] as const) {
    test(`is a 502 when the backend names the subject of ${what}`, async () => {
      named = subject
      const published: string[] = []
      const client = gateway.link.client!
      const { publish } = client
      client.publish = (to, ...rest) => {
        published.push(to)
        publish.call(client, to, ...rest)
      }
      const response = await fetch(`${gateway.url}/named`, {
        method: 'POST',
        body: 'abc',
        signal: AbortSignal.timeout(5000),
      })
      client.publish = publish
      assert.equal(response.status, 502)
      assert.equal(((await response.json()) as { code: string }).code, 'protocol_error')
      assert.deepEqual(published, [`${P}.named`])
    })
  }
})
