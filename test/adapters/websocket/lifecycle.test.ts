import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, type Msg, type NatsConnection } from 'nats'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { openRaw } from '../../support/raw-http.ts'
import { type StreamBackend, startStreamBackend } from '../../support/stream-backend.ts'
import { openSocket } from './start-client.ts'

describe('the life of a WebSocket', () => {
  let server: string
  let nats: NatsConnection
  let backend: StreamBackend
  const subject = (name: string) => `t${process.pid}wslife.${name}`

  before(async () => {
    server = await natsUrl()
    nats = await connect({ servers: server })
    backend = await startStreamBackend(server)
    await backend.handle(subject('stream'), (stream) => {
      stream.accept(1, 65536)
      stream.head({ status: 200, headers: [] })
      return { data: (chunk, meta) => stream.data(chunk, meta), end: () => stream.end() }
    })
  })
  after(async () => {
    await nats.close()
    await backend.close()
  })

  async function withGateway(
    options: Pick<GatewayOptions, 'webSocket'>,
    work: (gateway: Gateway) => Promise<void>,
  ): Promise<void> {
    const gateway = await startGateway({
      natsUrl: server,
      routes: [
        { name: 'stream', match: { kind: 'ws', path: '/stream' }, subject: subject('stream') },
        { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: subject('rpc'), websocket: 'rpc' },
        { name: 'page', match: { path: '/page' }, subject: subject('page') },
      ],
      ...options,
    })
    try {
      await work(gateway)
    } finally {
      await gateway.close()
    }
  }

  test('pings again and again', () =>
    withGateway({ webSocket: { pingEveryMs: 30 } }, async (gateway) => {
      const socket = await openSocket(`${gateway.url}/rpc`)
      let pings = 0
      socket.ws.on('ping', () => pings++)
      await eventually('three pings', () => pings >= 3)
      socket.ws.close()
      assert.equal((await socket.closed()).code, 1005)
      await gateway.assertIdle()
    }))

  test('closes a client that is silent for too long, and not one that answers pings', () =>
    withGateway({ webSocket: { pingEveryMs: 1000, silenceS: 8 } }, async (gateway) => {
      const answering = await openSocket(`${gateway.url}/stream`)
      const silent = await Promise.all(
        ['stream', 'rpc', '_sx'].map((path) => openSocket(`${gateway.url}/${path}`, { autoPong: false })),
      )
      assert.equal(gateway.limited.count('silent'), 0)
      for (const socket of silent) assert.equal((await socket.closed()).code, 1006)
      await eventually('one exchange', () => gateway.transport.size === 1)
      assert.equal(gateway.limited.count('silent'), 3)
      assert.equal(gateway.ended.at(-1)!.code, 'client_gone')
      assert.equal(answering.ws.readyState, 1)
      answering.ws.close()
      assert.equal((await answering.closed()).code, 1005)
      await gateway.assertIdle()
      assert.equal(gateway.limited.count('silent'), 3)
    }))

  test('resets a backend that does not end after the client has closed', () =>
    withGateway({ webSocket: { lingerMs: 50 } }, async (gateway) => {
      await backend.handle(subject('stays'), (stream) => {
        stream.accept(1, 65536)
        stream.head({ status: 200, headers: [] })
        return {}
      })
      gateway.setRoutes([{ name: 'stays', match: { kind: 'ws', path: '/stays' }, subject: subject('stays') }])
      const before = backend.resets.length
      const socket = await openSocket(`${gateway.url}/stays`)
      socket.ws.close(4000)
      await socket.closed()
      await eventually('the reset', () => backend.resets.length > before)
      assert.equal(backend.resets.at(-1)!.code, 'client_gone')
      await gateway.assertIdle()
      assert.equal(gateway.ended.at(-1)!.code, 'ok')
    }))

  test('closes with 1012 in a drain, once the requests in flight have their replies', () =>
    withGateway({}, async (gateway) => {
      const requests: Msg[] = []
      const subscription = nats.subscribe(subject('rpc'), { callback: (_error, message) => requests.push(message) })
      await nats.flush()
      const [stream, idle, busy] = [
        await openSocket(`${gateway.url}/stream`),
        await openSocket(`${gateway.url}/rpc`),
        await openSocket(`${gateway.url}/rpc`),
      ]
      busy.ws.send('last')
      await eventually('the request', () => requests.length === 1)
      const drained = gateway.http.drain(5000)
      assert.deepEqual(await stream.closed(), { code: 1012, reason: 'draining' })
      assert.deepEqual(await idle.closed(), { code: 1012, reason: 'draining' })
      busy.ws.send('too late')
      requests[0]!.respond(Buffer.from('reply'))
      assert.deepEqual(await busy.closed(), { code: 1012, reason: 'draining' })
      assert.deepEqual(busy.texts, ['reply'])
      await drained
      assert.equal(requests.length, 1)
      subscription.unsubscribe()
      await gateway.assertIdle()
    }))

  test('spreads the 1012 over the time of the drain where there are many', () =>
    withGateway({}, async (gateway) => {
      const sockets = await Promise.all(Array.from({ length: 60 }, () => openSocket(`${gateway.url}/rpc`)))
      let closed = 0
      for (const { ws } of sockets) ws.on('close', () => closed++)
      const drained = gateway.http.drain(1000)
      await eventually('the first to go', () => closed > 0)
      assert.ok(closed < 60, 'all were closed at once')
      const codes = await Promise.all(sockets.map(async (socket) => (await socket.closed()).code))
      assert.deepEqual([...new Set(codes)], [1012])
      await drained
    }))

  test('cuts what is not over when the time of the drain is', () =>
    withGateway({}, async (gateway) => {
      const subscription = nats.subscribe(subject('rpc'), { callback() {} })
      await nats.flush()
      const socket = await openSocket(`${gateway.url}/rpc`)
      socket.ws.send('x')
      await eventually('the request', () => gateway.transport.size === 1)
      await gateway.http.drain(200)
      assert.equal((await socket.closed()).code, 1012)
      subscription.unsubscribe()
      await gateway.assertIdle()
    }))

  test('tells a mux session to go', () =>
    withGateway({}, async (gateway) => {
      const socket = await openSocket(`${gateway.url}/_sx`)
      const drained = gateway.http.drain(5000)
      const [goaway] = await socket.messages(1)
      assert.equal(JSON.parse(goaway!).t, 'goaway')
      await socket.closed()
      await drained
    }))

  test('takes no upgrade while it drains', () =>
    withGateway({}, async (gateway) => {
      const subscription = nats.subscribe(subject('page'), { callback() {} })
      await nats.flush()
      // Holds the drain open, on another connection than the one that asks.
      const busy = await openRaw(gateway.port)
      const raw = await openRaw(gateway.port)
      busy.write('GET /page HTTP/1.1\r\nHost: x\r\n\r\n')
      await eventually('the request', () => gateway.transport.size === 1)
      const drained = gateway.http.drain(500)
      raw.write(
        'GET /rpc HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      )
      assert.match(await raw.until(/draining/), /^HTTP\/1\.1 503 /)
      await drained
      subscription.unsubscribe()
    }))

  test('keeps its route when the table changes', () =>
    withGateway({}, async (gateway) => {
      const subscription = nats.subscribe(subject('rpc'), { callback: (_error, message) => message.respond('ok') })
      await nats.flush()
      const socket = await openSocket(`${gateway.url}/rpc`)
      gateway.setRoutes([])
      socket.ws.send('x')
      assert.deepEqual(await socket.messages(1), ['ok'])
      socket.ws.close()
      await gateway.assertIdle()
      subscription.unsubscribe()
    }))
})
