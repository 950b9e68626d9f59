import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { before, describe, type TestContext, test } from 'node:test'
import { connect } from 'nats'
import { WebSocket } from 'ws'
import { startAdminServer } from '../../src/admin/server.ts'
import { fakeSource } from '../admin/fake-source.ts'
import { startTestApp } from '../app/start-test-app.ts'
import { natsUrl } from '../support/nats.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { runCli } from './run-cli.ts'

const P = `t${process.pid}verbs`
const TOKEN = 'a-token-of-an-operator'

async function startRouter(t: TestContext) {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  nats.subscribe(`${P}.echo`, { callback: (_error, message) => void message.respond(message.data) })
  await nats.flush()
  return startTestApp(t, [
    { name: 'echo', match: { path: '/echo' }, subject: `${P}.echo` },
    { name: 'messages', match: { kind: 'ws', path: '/ws' }, subject: `${P}.echo`, websocket: 'rpc' },
  ])
}

async function startAdmin(t: TestContext, source = fakeSource()) {
  const admin = await startAdminServer({
    host: '127.0.0.1',
    port: 0,
    token: TOKEN,
    source,
    readiness: () => [],
    metrics: () => ({ contentType: 'text/plain', text: '' }),
    logger: silentLogger,
  })
  t.after(() => admin.close())
  return `http://127.0.0.1:${admin.port}`
}

describe('verbs for a running router', () => {
  let unused: string
  before(async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    unused = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await new Promise((resolve) => server.close(resolve))
  })

  test('conns lists connections and closes them, drain begins a drain', async (t) => {
    const { app, adminUrl } = await startRouter(t)
    const socket = new WebSocket(`ws://127.0.0.1:${app.httpPort}/ws`)
    await once(socket, 'open')
    const table = await runCli(['conns', 'ls', '--url', adminUrl])
    assert.equal(table.code, 0)
    assert.match(table.stdout, /^ID +KIND +PROTOCOL +REMOTE +SINCE +EXCHANGES +IN +OUT\nws-1 +ws +rpc +127\.0\.0\.1 /)
    assert.match(table.stdout, /\n1 of 1 WebSocket and TCP connections\n$/)
    const json = await runCli(['conns', 'ls', '--json', '--limit', '1', '--url', adminUrl])
    assert.equal(JSON.parse(json.stdout).connections[0].id, 'ws-1')

    const closed = once(socket, 'close')
    const killed = await runCli(['conns', 'kill', 'ws-1', '--url', adminUrl])
    assert.deepEqual([killed.code, killed.stdout], [0, 'closed ws-1\n'])
    assert.equal((await closed)[0], 1012)

    const drain = await runCli(['drain', '--json', '--url', adminUrl])
    assert.deepEqual(JSON.parse(drain.stdout), { status: 'draining' })
    await app.drainRequested
  })

  test('conns kill closes those that there are, and names the others', async (t) => {
    const { app, adminUrl } = await startRouter(t)
    for (const [id, json] of [
      ['ws-1', []],
      ['ws-2', ['--json']],
    ] as const) {
      const socket = new WebSocket(`ws://127.0.0.1:${app.httpPort}/ws`)
      await once(socket, 'open')
      const closed = once(socket, 'close')
      const words = ['conns', 'kill', 'nope', id, '../routes', ...json, '--url', adminUrl]
      const { code, stdout, stderr } = await runCli(words)
      assert.equal((await closed)[0], 1012)
      assert.equal(code, 1)
      if (json.length > 0) assert.deepEqual(JSON.parse(stdout), { closed: [id] })
      else assert.equal(stdout, `closed ${id}\n`)
      assert.match(stderr, /no such connection: nope, \.\.\/routes; `conns ls` shows them/)
    }
  })

  test('conns ls pages as far as it is asked to', async (t) => {
    const all = Array.from({ length: 2100 }, (_, n) => {
      const [kind, protocol] = ['ws', 'mux'] as const
      const counts = { exchanges: 0, bytesIn: 0, bytesOut: 0 }
      return { id: `ws-${n + 1}`, kind, protocol, remote: '192.0.2.1', sinceMs: 0, ...counts, close() {} }
    })
    const url = await startAdmin(
      t,
      fakeSource({ connectionCount: all.length, connections: (after) => all.slice(after?.number) }),
    )
    const env = { ENGINE_ROUTER_ADMIN_TOKEN: TOKEN }
    const { stdout } = await runCli(['conns', 'ls', '--json', '--limit', '2050', '--url', url], { env })
    const { total, connections } = JSON.parse(stdout)
    assert.equal(total, 2100)
    assert.deepEqual(
      connections.map(({ id }: { id: string }) => id),
      all.slice(0, 2050).map(({ id }) => id),
    )
  })

  test('top shows the routes that are busy', async (t) => {
    const { url, adminUrl } = await startRouter(t)
    const sent = new Set<Promise<unknown>>()
    const traffic = setInterval(() => sent.add(fetch(`${url}/echo`, { method: 'POST', body: 'x' })), 20)
    try {
      const json = JSON.parse((await runCli(['top', '--json', '--url', adminUrl])).stdout)
      assert.equal(json.natsConnected, true)
      assert.equal(json.routes[0].route, 'echo')
      assert.ok(json.routes[0].exchangesPerSecond > 0 && json.routes[0].p99Ms > 0)
      const plain = await runCli(['top', '--once', '--url', adminUrl])
      assert.match(plain.stdout, /^NATS connected {2}table 1 {2}connections /)
      assert.match(plain.stdout, /\nROUTE +PER S +FAILED +P50 +P99 +IN\/S +OUT\/S\necho +\d/)
      assert.ok(!plain.stdout.includes('\x1b'))
    } finally {
      clearInterval(traffic)
      await Promise.all(sent)
    }
  })

  for (const end of ['is interrupted', 'loses its router']) {
    test(`top has a screen of its own, and gives it back when it ${end}`, async (t) => {
      const interrupt = new AbortController()
      let scrapes = 0
      const server = createServer((_req, res) => {
        if (++scrapes < 3) res.end('engine_router_nats_connected 1\n')
        else if (end === 'is interrupted') interrupt.abort()
        else res.destroy()
      }).listen(0, '127.0.0.1')
      t.after(() => {
        server.closeAllConnections()
        server.close()
      })
      await once(server, 'listening')
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const { code, stdout, stderr } = await runCli(['top', '--url', url], { isTTY: true, signal: interrupt.signal })
      assert.ok(stdout.startsWith('\x1b[?1049h\x1b[?25l'))
      assert.match(stdout, /connected/)
      assert.ok(stdout.endsWith('\x1b[?25h\x1b[?1049l'))
      assert.equal(code, end === 'is interrupted' ? 0 : 1)
      assert.match(stderr, end === 'is interrupted' ? /^$/ : /does not answer/)
    })
  }

  test('show their token, and say where it comes from', async (t) => {
    const url = await startAdmin(t)
    const without = await runCli(['conns', 'ls', '--url', url])
    assert.equal(without.code, 1)
    assert.match(without.stderr, /401.*ENGINE_ROUTER_ADMIN_TOKEN/)
    const env = { ENGINE_ROUTER_ADMIN_TOKEN: TOKEN }
    assert.equal((await runCli(['conns', 'ls', '--url', url], { env })).code, 0)
  })

  test('say what is wrong with the command line, and with what they are pointed at', async () => {
    for (const words of [['drain'], ['conns', 'ls'], ['conns', 'kill', 'ws-1'], ['top', '--once']]) {
      const { code, stdout, stderr } = await runCli([...words, '--url', unused])
      assert.deepEqual([code, stdout], [1, ''], words.join(' '))
      assert.match(stderr, /does not answer .*is a router running there\? See --url/)
    }
    for (const words of [
      ['drain', '--url', 'ftp://x'],
      ['conns', 'kill'],
      ['conns', 'ls', '--limit', '1000001'],
    ]) {
      assert.equal((await runCli(words)).code, 2, words.join(' '))
    }
  })
})
