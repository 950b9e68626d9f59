import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { connectTcp } from '../adapters/tcp/tcp-client.ts'
import { createSocket, openSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw, type RawConnection } from '../support/raw-http.ts'

const CLIENT = '127.0.0.1'
const NEIGHBOUR = '127.0.0.2'
const ASK = 'GET /who HTTP/1.1\r\nHost: x\r\n\r\n'

/** Answers with the address that the router says is the client's. */
async function start(t: TestContext, options: Partial<GatewayOptions>): Promise<Gateway> {
  const url = await natsUrl()
  const subject = `limits.connections.${process.pid}`
  const nats: NatsConnection = await connect({ servers: url })
  nats.subscribe(`${subject}.>`, {
    callback: (_error, message) => void message.respond(message.headers?.get('Sx-Remote') ?? ''),
  })
  await nats.flush()
  const gateway = await startGateway({
    natsUrl: url,
    routes: [
      { name: 'who', match: { path: '/who' }, subject: `${subject}.who` },
      { name: 'hang', match: { path: '/hang' }, subject: `${subject}hang`, noResponders: { hold: '1m' } },
      { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: `${subject}.rpc`, websocket: 'rpc' },
    ],
    tcp: [{ protocol: 'mux', route: undefined }],
    ...options,
  })
  t.after(async () => {
    await gateway.close()
    await nats.close()
  })
  return gateway
}

async function ask(raw: RawConnection): Promise<RawConnection> {
  raw.write(ASK)
  await raw.until(/127\.0\.0\.\d/)
  return raw
}

async function assertRefused(gateway: Gateway, address: string): Promise<void> {
  const raw = await openRaw(gateway.port, address)
  raw.write(ASK)
  assert.equal(await raw.closed(), '')
}

/** One that would be a WebSocket is closed before it is one. */
async function assertNoSocket(url: string, localAddress = CLIENT): Promise<void> {
  const { ws } = createSocket(url, { localAddress })
  const [error] = await once(ws, 'error', { signal: AbortSignal.timeout(5000) })
  assert.match(String(error), /socket hang up|ECONNRESET/)
}

/** One that would be multiplexed is reset, though it speaks at once. */
async function assertNoMux(t: TestContext, port: number, address: string): Promise<void> {
  const client = connectTcp(t, port, address)
  client.socket.write('{"t":"ping"}\n')
  assert.equal(await client.outcome, 'reset')
  assert.equal(client.received().length, 0)
}

describe('connections of one address', () => {
  test('are as many as they may be over HTTP, WebSocket and TCP together, and one more is closed', async (t) => {
    const gateway = await start(t, { maxConnectionsPerIp: 5 })
    const silent = await openRaw(gateway.port)
    const answered = await ask(await openRaw(gateway.port))
    const waiting = await openRaw(gateway.port)
    waiting.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n')
    await eventually('a request under way', () => gateway.http.exchanges === 1)
    const webSocket = await openSocket(`${gateway.url}/rpc`)
    const tcpPort = gateway.tcp.ports[0]!
    const tcp = await openRaw(tcpPort)
    await eventually('all are there', () => gateway.connectionLimits.connections === 5)

    await assertRefused(gateway, CLIENT)
    assert.equal(await connectTcp(t, tcpPort, CLIENT).outcome, 'reset')
    for (const path of ['rpc', '_sx']) await assertNoSocket(`${gateway.url}/${path}`)
    await assertNoMux(t, tcpPort, CLIENT)
    assert.equal(gateway.limited.count('connections_per_ip'), 5)
    assert.equal(gateway.http.refusedConnections + gateway.tcp.refusedConnections, 5)
    assert.equal(gateway.connectionLimits.connections, 5)

    const neighbour = await ask(await openRaw(gateway.port, NEIGHBOUR))
    const neighbourTcp = await openRaw(tcpPort, NEIGHBOUR)
    neighbourTcp.write('{"t":"ping"}\n')
    await neighbourTcp.until(/pong/)
    // Those that are there are served as before.
    await ask(answered)
    webSocket.ws.send('x')
    assert.deepEqual(await webSocket.messages(1), [CLIENT])

    for (const raw of [silent, answered, waiting, tcp, neighbour, neighbourTcp]) raw.destroy()
    webSocket.ws.terminate()
    await eventually('nobody is there', () => gateway.connectionLimits.connections === 0)
    await eventually('nobody is known', () => gateway.connectionLimits.peers.size === 0)
    await gateway.assertIdle()
  })

  test('make room when they close, in whatever state', async (t) => {
    const gateway = await start(t, { maxConnectionsPerIp: 1 })
    const ends: ((raw: RawConnection) => Promise<unknown>)[] = [
      async () => {},
      ask,
      async (raw) => {
        await ask(raw)
        raw.write('GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        await raw.until(/no_route/)
      },
      async (raw) => {
        raw.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n')
        await eventually('a request under way', () => gateway.http.exchanges === 1)
      },
      async (raw) => {
        raw.write(`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(200)}\r\n`)
        await raw.closed()
      },
    ]
    for (const end of ends) {
      const raw = await openRaw(gateway.port)
      await end(raw)
      raw.destroy()
      await eventually('it is gone', () => gateway.connectionLimits.connections === 0)
    }
    const socket = await openSocket(`${gateway.url}/rpc`)
    await assertRefused(gateway, CLIENT)
    socket.ws.close()
    await socket.closed()
    const last = await ask(await openRaw(gateway.port))
    assert.equal(gateway.limited.count('connections_per_ip'), 1)
    last.destroy()
  })

  test('of a trusted proxy are not limited, and are those of its clients', async (t) => {
    const gateway = await start(t, { maxConnectionsPerIp: 1, trustedProxies: ['127.0.0.2'] })
    const ofProxy = [await openRaw(gateway.port, NEIGHBOUR), await openRaw(gateway.port, NEIGHBOUR)]
    for (const raw of ofProxy) {
      raw.write('GET /who HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 8.8.8.8, 203.0.113.9\r\n\r\n')
      await raw.until(/203\.0\.113\.9/)
    }
    const direct = await openRaw(gateway.port)
    direct.write('GET /who HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n')
    await direct.until(/127\.0\.0\.1/)
    await assertRefused(gateway, CLIENT)
    for (const raw of [...ofProxy, direct]) raw.destroy()
  })
})

describe('connections in all', () => {
  test('are as many as they may be over all listeners, and one more is closed', async (t) => {
    const gateway = await start(t, { maxConnections: 2 })
    const tcpPort = gateway.tcp.ports[0]!
    const web = await ask(await openRaw(gateway.port))
    const tcp = await openRaw(tcpPort)
    await eventually('both are there', () => gateway.connectionLimits.connections === 2)
    await assertRefused(gateway, NEIGHBOUR)
    assert.equal(await connectTcp(t, tcpPort, NEIGHBOUR).outcome, 'reset')
    for (const path of ['rpc', '_sx']) await assertNoSocket(`${gateway.url}/${path}`, NEIGHBOUR)
    await assertNoMux(t, tcpPort, NEIGHBOUR)
    assert.equal(gateway.limited.count('connections'), 5)
    assert.equal(gateway.connectionLimits.connections, 2)
    await ask(web)
    tcp.destroy()
    await eventually('one has gone', () => gateway.connectionLimits.connections === 1)
    const next = await ask(await openRaw(gateway.port, NEIGHBOUR))
    for (const raw of [web, next]) raw.destroy()
  })
})
