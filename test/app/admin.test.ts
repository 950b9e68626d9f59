import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { connect } from 'nats'
import { WebSocket } from 'ws'
import { serve } from '../../src/backend/index.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { startTestApp } from './start-test-app.ts'

const P = `t${process.pid}admin`

interface Listed {
  readonly id: string
  readonly kind: string
  readonly protocol: string
  readonly remote: string
  readonly exchanges: number
  readonly bytesIn: number
  readonly bytesOut: number
}

test('the admin API shows the connections and exchanges of a router, its backends, and closes and drains', async (t) => {
  const nats = await connect({ servers: await natsUrl() })
  const service = await serve({ nats, name: `${P}-service`, version: '1.2.3' })
  t.after(async () => {
    await service.drain()
    await nats.close()
  })
  service.exchange(`${P}.echo`, async (x) => {
    for await (const message of x) await x.send(message)
  })
  await nats.flush()
  const { app, adminUrl } = await startTestApp(
    t,
    [
      { name: 'ws', match: { kind: 'ws', path: '/ws' }, subject: `${P}.echo` },
      { name: 'tcp', match: { kind: 'tcp' }, subject: `${P}.echo` },
      { name: 'alone', match: { path: '/alone' }, subject: `${P}.alone` },
    ],
    [{ host: '127.0.0.1', port: 0, protocol: 'raw', route: 'tcp' }],
  )
  const api = async <T>(path: string, method = 'GET') =>
    (await (await fetch(`${adminUrl}/api/${path}`, { method })).json()) as T

  const socket = new WebSocket(`ws://127.0.0.1:${app.httpPort}/ws`)
  await once(socket, 'open')
  socket.send('hello')
  await once(socket, 'message')
  const tcp = connectTcp(app.tcpPorts[0]!, '127.0.0.1')
  t.after(() => tcp.destroy())
  // A reset is an error to a socket of Node.
  const tcpIsReset = new Promise<Error>((resolve) => tcp.once('error', resolve))
  tcp.write('abc')
  await once(tcp, 'data')

  const { total, connections } = await api<{ total: number; connections: Listed[] }>('connections')
  assert.equal(total, 2)
  assert.deepEqual(
    connections.map(({ id, kind, protocol, remote, exchanges, bytesIn, bytesOut }) => {
      return [id, kind, protocol, remote, exchanges, bytesIn, bytesOut]
    }),
    [
      ['ws-1', 'ws', 'stream', '127.0.0.1', 1, 5, 5],
      ['tcp0-1', 'tcp', 'raw', '127.0.0.1', 1, 3, 3],
    ],
  )
  const idsOf = async (query: string) => {
    const page = await api<{ next?: string; connections: Listed[] }>(`connections?${query}`)
    return [page.connections.map(({ id }) => id), page.next]
  }
  assert.deepEqual(await idsOf('limit=1'), [['ws-1'], 'ws-1'])
  assert.deepEqual(await idsOf('limit=1&after=ws-1'), [['tcp0-1'], undefined])
  assert.deepEqual(await idsOf('after=ws-99'), [['tcp0-1'], undefined])
  assert.deepEqual(await idsOf('after=tcp0-1'), [[], undefined])
  const { exchanges } = await api<{ exchanges: { route: string; state: string; subject: string }[] }>('exchanges')
  assert.deepEqual(
    exchanges.map(({ route, state, subject }) => [route, state, subject]),
    [
      ['ws', 'streaming', `${P}.echo`],
      ['tcp', 'streaming', `${P}.echo`],
    ],
  )
  const { routes } = await api<{ routes: { route: string; backends: { name: string; version: string }[] }[] }>(
    'backends',
  )
  const backendsOf = (name: string) => routes.find(({ route }) => route === name)!.backends
  assert.deepEqual(
    backendsOf('ws').map(({ name, version }) => [name, version]),
    [[`${P}-service`, '1.2.3']],
  )
  assert.deepEqual(backendsOf('alone'), [])

  assert.deepEqual(await api('connections/ws-1', 'DELETE'), { closed: 'ws-1' })
  const [code] = await once(socket, 'close')
  assert.equal(code, 1012)
  await api('connections/tcp0-1', 'DELETE')
  assert.match((await tcpIsReset).message, /ECONNRESET/)
  await eventually('both are gone', async () => (await api<{ total: number }>('connections')).total === 0)

  await api('drain', 'POST')
  await app.drainRequested
})
