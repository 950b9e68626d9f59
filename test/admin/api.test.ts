import assert from 'node:assert/strict'
import { request } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { startAdminServer } from '../../src/admin/server.ts'
import type { AdminSource } from '../../src/admin/source.ts'
import type { ClientConnection, ConnectionPosition } from '../../src/exchange/client-connection.ts'
import type { OpenExchange } from '../../src/exchange/open-exchange.ts'
import { parseRoute } from '../../src/routing/spec.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { fakeSource } from './fake-source.ts'

const TOKEN = 'a-token-of-an-operator'

interface Answer {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Record<string, unknown>
}

/** Not fetch, which has its own mind about Host and Origin. */
type Send = (method: string, path: string, headers?: Record<string, string>) => Promise<Answer>

async function start(t: TestContext, over: Partial<AdminSource>, token?: string, host = '127.0.0.1'): Promise<Send> {
  const admin = await startAdminServer({
    host,
    port: 0,
    token,
    source: fakeSource(over),
    readiness: () => [],
    metrics: () => ({ contentType: 'application/json', text: '{"metrics":1}' }),
    logger: silentLogger,
  })
  t.after(() => admin.close())
  return (method, path, headers = {}) =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: admin.port, method, path, headers }, async (response) => {
        const body = (await response.toArray()).join('')
        resolve({ status: response.statusCode, headers: response.headers, body: JSON.parse(body) })
      })
      sent.on('error', reject).end()
    })
}

function connection(id: string, close = () => {}): ClientConnection {
  const sinceMs = Date.UTC(2026, 0, 1)
  return {
    id,
    kind: 'ws',
    protocol: 'mux',
    remote: '192.0.2.1',
    sinceMs,
    exchanges: 2,
    bytesIn: 3,
    bytesOut: 4,
    close,
  }
}

function exchange(number: number): OpenExchange {
  return {
    number,
    requestId: `r${number}`,
    route: 'a',
    kind: 'http',
    subject: 's',
    remote: '192.0.2.1',
    state: 'opened',
    ageMs: 6.2,
  }
}

function spec(name: string, path: string, subject: string) {
  const parsed = parseRoute({ name, match: { path }, subject })
  assert.ok(parsed.ok)
  return parsed.spec
}

describe('the admin API', () => {
  test('lists connections, as many as are asked for, and says how many there are', async (t) => {
    const all = Array.from({ length: 150 }, (_, n) => connection(`ws-${n}`))
    const send = await start(t, { connectionCount: all.length, connections: () => all })
    const { body } = await send('GET', '/api/connections?limit=1')
    assert.deepEqual(body, {
      total: 150,
      next: 'ws-0',
      connections: [
        {
          id: 'ws-0',
          kind: 'ws',
          protocol: 'mux',
          remote: '192.0.2.1',
          exchanges: 2,
          bytesIn: 3,
          bytesOut: 4,
          since: '2026-01-01T00:00:00.000Z',
        },
      ],
    })
    const byDefault = await send('GET', '/api/connections')
    assert.equal((byDefault.body.connections as unknown[]).length, 100)
    for (const limit of ['0', '1001', '-1', 'x', '']) {
      assert.equal((await send('GET', `/api/connections?limit=${limit}`)).status, 400, `limit=${limit}`)
    }
  })

  test('asks for connections from where a page ended, whether that one is there or not', async (t) => {
    const asked: (ConnectionPosition | undefined)[] = []
    const send = await start(t, {
      connections: (after) => {
        asked.push(after)
        return [connection('tcp3-12')]
      },
    })
    assert.equal((await send('GET', '/api/connections')).body.next, undefined)
    await send('GET', '/api/connections?after=ws-17')
    await send('GET', '/api/connections?after=tcp3-9')
    assert.deepEqual(asked, [undefined, { listener: undefined, number: 17 }, { listener: 3, number: 9 }])
    for (const after of ['', 'ws', 'ws-', 'ws-0', 'ws-x', 'tcp-1', '-1', 'ex-1', 'ws-1234567890123456', 'tcp3-9x']) {
      const { status, body } = await send('GET', `/api/connections?after=${after}`)
      assert.deepEqual([status, body.code], [400, 'bad_request'], after)
    }
    assert.equal((await send('GET', '/api/exchanges?after=ws-1')).status, 400)
    assert.equal((await send('GET', '/api/routes?after=ws-1')).status, 400)
  })

  test('lists exchanges page by page, in the order in which they began', async (t) => {
    const all = [1, 3, 6, 9, 12].map(exchange)
    const exchanges = (after = 0) => all.filter(({ number }) => number > after)
    const send = await start(t, { exchangeCount: all.length, exchanges })
    const { body } = await send('GET', '/api/exchanges?limit=1&after=ex-4')
    assert.deepEqual(body, {
      total: 5,
      next: 'ex-6',
      exchanges: [
        {
          id: 'ex-6',
          requestId: 'r6',
          route: 'a',
          kind: 'http',
          subject: 's',
          remote: '192.0.2.1',
          state: 'opened',
          ageMs: 6,
        },
      ],
    })
    const last = await send('GET', '/api/exchanges?after=ex-6')
    assert.deepEqual(
      (last.body.exchanges as { id: string }[]).map(({ id }) => id),
      ['ex-9', 'ex-12'],
    )
    assert.equal(last.body.next, undefined)
  })

  test('closes the connection with the id, and no other', async (t) => {
    const closed: string[] = []
    const all = ['ws-1', 'ws-11', 'tcp0-1'].map((id) => connection(id, () => closed.push(id)))
    const send = await start(t, { connections: () => all })
    assert.equal((await send('DELETE', '/api/connections/ws-11')).status, 200)
    assert.deepEqual(closed, ['ws-11'])
    const gone = await send('DELETE', '/api/connections/ws-2')
    assert.deepEqual([gone.status, gone.body.code], [404, 'no_connection'])
    const wrong = await send('GET', '/api/connections/ws-1')
    assert.deepEqual([wrong.status, wrong.headers.allow], [405, 'DELETE'])
    assert.deepEqual(closed, ['ws-11'])
  })

  test('shows routes as the file of routes has them', async (t) => {
    const table = { revision: 7, specs: [spec('a', '/a/{id}', 'a.{id}')] }
    const send = await start(t, { table: () => table })
    assert.deepEqual((await send('GET', '/api/routes')).body, {
      revision: 7,
      total: 1,
      routes: [{ name: 'a', match: { path: '/a/{id}' }, subject: 'a.{id}' }],
    })
  })

  test('says which micro services may listen on the subjects of a route', async (t) => {
    const specs = [spec('one', '/a/{id}', 'a.{id}.x'), spec('rest', '/r/{all...}', 'r.{all}'), spec('none', '/n', 'n')]
    const send = await start(t, {
      table: () => ({ revision: 1, specs }),
      services: async () => [
        { name: 's', id: '1', version: '1.0.0', subjects: ['a.*.x', 'b'] },
        { name: 'wide', id: '2', version: '1.0.0', subjects: ['r.x.y', 'q.x'] },
      ],
    })
    assert.deepEqual((await send('GET', '/api/backends')).body.routes, [
      { route: 'one', subject: 'a.{id}.x', backends: [{ name: 's', id: '1', version: '1.0.0', subjects: ['a.*.x'] }] },
      {
        route: 'rest',
        subject: 'r.{all}',
        backends: [{ name: 'wide', id: '2', version: '1.0.0', subjects: ['r.x.y'] }],
      },
      { route: 'none', subject: 'n', backends: [] },
    ])
    const without = await start(t, {})
    assert.equal((await without('GET', '/api/backends')).body.code, 'nats_unavailable')
  })

  test('drains when it is told to, by POST alone', async (t) => {
    let drains = 0
    const send = await start(t, { drain: () => void drains++ })
    assert.equal((await send('GET', '/api/drain')).status, 405)
    assert.equal(drains, 0)
    assert.deepEqual((await send('POST', '/api/drain')).body, { status: 'draining' })
    assert.equal(drains, 1)
  })

  test('is not for pages of other origins, nor under names that lead here', async (t) => {
    let drains = 0
    const send = await start(t, { drain: () => void drains++ })
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { host: 'evil.example' },
      { host: 'evil.example:9090', origin: 'http://evil.example:9090' },
      { host: '127.0.0.1.evil.example' },
      { host: 'localhost:9090', origin: 'http://localhost:9091' },
    ]) {
      for (const [method, path] of [
        ['POST', '/api/drain'],
        ['GET', '/metrics'],
      ] as const) {
        const { status, body } = await send(method, path, headers)
        assert.deepEqual([status, body.code], [403, 'forbidden'], JSON.stringify(headers))
      }
      assert.equal((await send('GET', '/healthz', headers)).status, 200)
    }
    assert.equal(drains, 0)
    for (const headers of [
      { host: 'localhost:9090' },
      { host: '[::1]:9090' },
      { host: 'localhost:9090', origin: 'http://localhost:9090' },
    ]) {
      assert.equal((await send('GET', '/api/routes', headers)).status, 200, JSON.stringify(headers))
    }
  })

  test('asks for its token, where it has one', async (t) => {
    const send = await start(t, {}, TOKEN)
    for (const authorization of ['', 'Bearer', `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, `Basic ${TOKEN}`]) {
      const { status, headers } = await send('GET', '/api/routes', { authorization })
      assert.deepEqual([status, headers['www-authenticate']], [401, 'Bearer'], authorization)
    }
    for (const scheme of ['Bearer', 'bearer']) {
      assert.equal((await send('GET', '/api/routes', { authorization: `${scheme} ${TOKEN}` })).status, 200)
    }
    assert.equal((await send('GET', '/metrics')).status, 200)
  })

  test('is closed beyond loopback as long as it has no token', async (t) => {
    const send = await start(t, {}, undefined, '0.0.0.0')
    const { status, body } = await send('GET', '/api/routes')
    assert.equal(status, 403)
    assert.match(String(body.title), /ENGINE_ROUTER_ADMIN_TOKEN/)
    const guarded = await start(t, {}, TOKEN, '0.0.0.0')
    const headers = { authorization: `Bearer ${TOKEN}`, host: 'router.example' }
    assert.equal((await guarded('GET', '/api/routes', headers)).status, 200)
  })
})
