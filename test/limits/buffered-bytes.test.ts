import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { connect, type Msg, type NatsConnection } from 'nats'
import { MESSAGE_OVERHEAD_BYTES } from '../../src/adapters/websocket/overrun.ts'
import { openSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'
import { startStreamBackend } from '../support/stream-backend.ts'
import { createTestClock, TICKS_MS } from './test-clock.ts'

const MAX_BYTES = 300_000
/** Of a route, by default. */
const TIMEOUT_MS = 10_000
/** Counted for each reply that waits behind another. */
const FRAME_OVERHEAD_BYTES = 64

interface Stage {
  readonly gateway: Gateway
  readonly nats: NatsConnection
  /** The last request to /many, which waits for replies. */
  toMany(): Promise<Msg>
  /** A client that makes nothing wait is served. */
  assertServes(): Promise<void>
  /** All that waited is let go, and the one that was too many is counted. */
  assertOver(code: string): Promise<void>
}

let next = 0

async function start(t: TestContext, now?: () => number): Promise<Stage> {
  const url = await natsUrl()
  const subject = `limits.buffered.${process.pid}.${next++}`
  const nats = await connect({ servers: url })
  nats.subscribe(`${subject}.echo`, { callback: (_error, message) => void message.respond(message.data) })
  nats.subscribe(`${subject}.silent`, { callback: () => {} })
  let toMany: Msg | undefined
  nats.subscribe(`${subject}.many`, {
    callback: (_error, message) => {
      toMany = message
    },
  })
  const backend = await startStreamBackend(url)
  await backend.handle(`${subject}.hold`, (stream) => {
    stream.accept(1, 64 * 1024)
    return { data: () => false }
  })
  await nats.flush()
  const gateway = await startGateway({
    natsUrl: url,
    routes: [
      { name: 'echo', match: { path: '/echo' }, subject: `${subject}.echo` },
      { name: 'hold', match: { path: '/hold' }, subject: `${subject}.hold`, body: 'stream' },
      { name: 'upload', match: { path: '/upload' }, subject: `${subject}.silent`, body: 'stream' },
      { name: 'many', match: { path: '/many' }, subject: `${subject}.many`, reply: 'many' },
      { name: 'ws', match: { kind: 'ws', path: '/silent' }, subject: `${subject}.silent` },
      { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: `${subject}.silent`, websocket: 'rpc' },
    ],
    tcp: [{ protocol: 'mux', route: undefined }],
    maxBufferedBytes: MAX_BYTES,
    ...(now !== undefined && { now }),
  })
  t.after(async () => {
    await gateway.close()
    await nats.close()
    await backend.close()
  })
  return {
    gateway,
    nats,
    toMany: () => eventually('the request', () => toMany),
    async assertServes() {
      const response = await fetch(`${gateway.url}/echo`, { method: 'POST', body: 'hello' })
      assert.equal(await response.text(), 'hello')
    },
    async assertOver(code) {
      await eventually('it is over', () => gateway.ended.some((ended) => ended.code === code))
      assert.equal(gateway.limited.count('buffered_bytes'), 1)
      await eventually('nothing waits', () => gateway.buffers.heldBytes === 0)
    },
  }
}

describe('bytes that wait, of all clients together', () => {
  test('are as many as they may be, and one more of a body gets 503', async (t) => {
    const { gateway, assertServes, assertOver } = await start(t)
    const first = await openRaw(gateway.port)
    first.write('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 200001\r\n\r\n')
    first.write('x'.repeat(200_000))
    await eventually('it waits', () => gateway.buffers.heldBytes === 200_000)
    const second = await openRaw(gateway.port)
    second.write('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n')
    second.write('y'.repeat(100_000))
    await eventually('all that may', () => gateway.buffers.heldBytes === MAX_BYTES)
    assert.equal(gateway.limited.count('buffered_bytes'), 0)
    second.write('y')
    await second.until(/^HTTP\/1\.1 503 [\s\S]*"code":"busy"/)
    await assertServes()
    // The others go on.
    first.write('x')
    await first.until(/x{1000}$/)
    await assertOver('busy')
    for (const raw of [first, second]) raw.destroy()
    await gateway.assertIdle()
  })

  test('are counted of streamed bodies that no backend has accepted', async (t) => {
    const clock = createTestClock()
    const { gateway, assertServes, assertOver } = await start(t, clock.now)
    const uploads = []
    // Each in one piece, after which the router reads no more of it.
    for (let i = 1; i <= 5; i++) {
      const raw = await openRaw(gateway.port)
      raw.write(`POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(MAX_BYTES / 5)}`)
      await eventually('it waits', () => gateway.buffers.heldBytes === (i * MAX_BYTES) / 5)
      uploads.push(raw)
    }
    assert.equal(gateway.limited.count('buffered_bytes'), 0)
    const last = await openRaw(gateway.port)
    last.write('POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx')
    await last.until(/^HTTP\/1\.1 503 [\s\S]*"code":"busy"/)
    for (const raw of uploads) raw.destroy()
    last.destroy()
    // Of connections that are not read the router does not hear that they close: it is their time that ends them.
    clock.pass(gateway.wheel, TIMEOUT_MS + TICKS_MS)
    await assertOver('busy')
    await assertServes()
    await gateway.assertIdle()
  })

  test('are counted of a streamed body that its backend does not read', async (t) => {
    const { gateway, assertServes } = await start(t)
    const uploads = []
    for (let i = 0; i < 10 && gateway.limited.count('buffered_bytes') === 0; i++) {
      const raw = await openRaw(gateway.port)
      raw.write('POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n')
      raw.write(Buffer.alloc(1024 * 1024))
      uploads.push(raw)
      const before = gateway.buffers.heldBytes
      await eventually('it waits', () => gateway.buffers.heldBytes !== before || gateway.ended.length > 0)
      if (gateway.limited.count('buffered_bytes') === 0) assert.ok(gateway.buffers.heldBytes <= MAX_BYTES)
    }
    await eventually('it is over', () => gateway.ended.some(({ code }) => code === 'rate_limited'))
    await assertServes()
    for (const raw of uploads) raw.destroy()
    await gateway.assertIdle()
    await eventually('nothing waits', () => gateway.buffers.heldBytes === 0)
  })

  test('are counted of replies to a client that does not read', async (t) => {
    const { gateway, nats, toMany, assertServes, assertOver } = await start(t)
    const raw = await openRaw(gateway.port)
    raw.socket.pause()
    raw.write('GET /many HTTP/1.1\r\nHost: x\r\n\r\n')
    const request = await toMany()
    for (let sent = 0; gateway.limited.count('buffered_bytes') === 0 && sent < 1000; sent++) {
      request.respond(Buffer.alloc(32 * 1024))
      if (sent % 8 === 7) await nats.flush()
      if (gateway.limited.count('buffered_bytes') === 0) assert.ok(gateway.buffers.heldBytes <= MAX_BYTES)
    }
    await assertOver('rate_limited')
    await assertServes()
    raw.destroy()
    await gateway.assertIdle()
  })

  test('are counted of replies to a client that gives no credit for them', async (t) => {
    const { gateway, toMany, assertServes, assertOver } = await start(t)
    const raw = await openRaw(gateway.tcp.ports[0]!)
    raw.write('{"t":"open","id":1,"path":"/many","credit":0}\n')
    const request = await toMany()
    for (let i = 0; i < 6; i++) request.respond('x'.repeat(MAX_BYTES / 6 - (i === 0 ? 0 : FRAME_OVERHEAD_BYTES)))
    await eventually('all that may', () => gateway.buffers.heldBytes === MAX_BYTES)
    assert.equal(gateway.limited.count('buffered_bytes'), 0)
    request.respond('x')
    await raw.until(/"t":"reset","id":1,"code":"rate_limited"/)
    await assertServes()
    await assertOver('rate_limited')
    raw.destroy()
    await gateway.assertIdle()
  })

  test('are counted of a WebSocket that nobody has accepted', async (t) => {
    const { gateway, assertServes, assertOver } = await start(t)
    const socket = await openSocket(`${gateway.url}/silent`)
    socket.ws.send('x'.repeat(MAX_BYTES))
    await eventually('it waits', () => gateway.buffers.heldBytes === MAX_BYTES)
    socket.ws.send('x')
    assert.equal((await socket.closed()).code, 4429)
    await assertServes()
    await assertOver('rate_limited')
    await gateway.assertIdle()
  })

  test('are counted of requests over a WebSocket beyond those in flight', async (t) => {
    const { gateway, assertServes } = await start(t)
    const socket = await openSocket(`${gateway.url}/rpc`)
    for (let i = 0; i < 16; i++) socket.ws.send('')
    for (let i = 0; i < 3; i++) socket.ws.send('x'.repeat(MAX_BYTES / 3 - MESSAGE_OVERHEAD_BYTES))
    await eventually('all that may', () => gateway.buffers.heldBytes === MAX_BYTES)
    assert.equal(gateway.limited.count('buffered_bytes'), 0)
    socket.ws.send('')
    assert.equal((await socket.closed()).code, 4503)
    assert.equal(gateway.limited.count('buffered_bytes'), 1)
    await assertServes()
    await eventually('nothing waits', () => gateway.buffers.heldBytes === 0)
    await gateway.assertIdle()
  })

  test('are counted of a multiplexed connection, both ways', async (t) => {
    const { gateway, toMany, assertServes, assertOver } = await start(t)
    const raw = await openRaw(gateway.tcp.ports[0]!)
    // Without credit the response waits.
    raw.write('{"t":"open","id":1,"path":"/many","credit":0}\n')
    const request = await toMany()
    request.respond('x'.repeat(50_000))
    await eventually('it waits', () => gateway.buffers.heldBytes === 50_000)
    raw.write('{"t":"open","id":2,"path":"/echo","method":"POST","more":true}\n')
    for (let i = 0; i < 5; i++) raw.write(`{"t":"data","id":2,"body":"${'y'.repeat(50_000)}"}\n`)
    await eventually('all that may', () => gateway.buffers.heldBytes === MAX_BYTES)
    assert.equal(gateway.limited.count('buffered_bytes'), 0)
    raw.write('{"t":"data","id":2,"body":"y"}\n')
    await raw.until(/"t":"reset","id":2,"code":"busy"/)
    await assertServes()
    raw.write('{"t":"reset","id":1,"code":"client_gone"}\n')
    await assertOver('busy')
    raw.destroy()
    await gateway.assertIdle()
  })
})
