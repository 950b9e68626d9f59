import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { connect, type Msg, type NatsConnection, RequestStrategy } from 'nats'
import { WebSocket } from 'ws'
import { startApp } from '../../src/app.ts'
import { toRouterConfig } from '../../src/config/router-config.ts'
import { routerConfigSchema } from '../../src/config/schema.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { temporaryDirectory } from './router-process.ts'
import { startTestApp } from './start-test-app.ts'

const P = `t${process.pid}operators`
const ANSWER_MS = 2000

interface ExchangesPage {
  readonly total: number
  readonly next?: string
  readonly exchanges: readonly { readonly id: string }[]
}

interface ConnectionsPage {
  readonly router: string
  readonly total: number
  readonly next?: string
  readonly connections: readonly { readonly id: string; readonly remote: string }[]
}

test('routers answer operators over NATS, page by page, until they drain', async (t) => {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  nats.subscribe(`${P}.echo`, { callback: (_error, message) => void message.respond(message.data) })
  nats.subscribe(`${P}.silent`)
  await nats.flush()
  const { app, url } = await startTestApp(t, [
    { name: 'echo', match: { path: '/echo' }, subject: `${P}.echo` },
    { name: 'silent', match: { path: '/silent' }, subject: `${P}.silent` },
    { name: 'messages', match: { kind: 'ws', path: '/ws' }, subject: `${P}.echo`, websocket: 'rpc' },
    { name: 'wide', match: { path: '/wide/{all...}' }, subject: '{all}', timeout: '1s' },
  ])
  const id = await eventually('it is registered', () => idOf(nats, app.httpPort))
  const ask = (endpoint: string, question = '') =>
    nats.request(`engine-router.admin.${id}.${endpoint}`, question, { timeout: ANSWER_MS })

  for (let i = 0; i < 3; i++) {
    const socket = new WebSocket(`ws://127.0.0.1:${app.httpPort}/ws`)
    t.after(() => socket.terminate())
    await once(socket, 'open')
  }
  const first = (await ask('connections', '{"limit":2}')).json<ConnectionsPage>()
  assert.deepEqual([first.router, first.total, first.next], [id, 3, 'ws-2'])
  assert.deepEqual(
    first.connections.map(({ id, remote }) => [id, remote]),
    [
      ['ws-1', '127.0.0.1'],
      ['ws-2', '127.0.0.1'],
    ],
  )
  const second = (await ask('connections', '{"limit":2,"after":"ws-2"}')).json<ConnectionsPage>()
  assert.deepEqual([second.connections.map((each) => each.id), second.next], [['ws-3'], undefined])
  for (const question of [
    '{"limit":0}',
    '{"limit":1001}',
    '{"after":"x"}',
    '[',
    'null',
    `{"after":"${'x'.repeat(2000)}"}`,
  ]) {
    assert.equal((await ask('connections', question)).headers?.get('Nats-Service-Error-Code'), '400', question)
  }

  const gone = new AbortController()
  const unanswered = Array.from({ length: 3 }, () => fetch(`${url}/silent`, { signal: gone.signal }))
  await eventually('three are under way', () => app.gauges().natsExchanges === 3)
  const ids: string[] = []
  let after: string | undefined
  do {
    const page: ExchangesPage = (await ask('exchanges', JSON.stringify({ limit: 2, after }))).json()
    assert.equal(page.total, 3)
    ids.push(...page.exchanges.map((each) => each.id))
    assert.ok(ids.length <= 3, 'a page begins where the one before it ended')
    after = page.next
  } while (after !== undefined)
  assert.equal(new Set(ids).size, 3)
  gone.abort()
  await Promise.allSettled(unanswered)

  await (await fetch(`${url}/echo`, { method: 'POST', body: 'x' })).text()
  const metrics = gunzipSync((await ask('metrics')).data).toString()
  assert.match(metrics, /^engine_router_exchanges_total\{route="echo",kind="http",code="ok"\} 1$/m)

  // A route that takes any subject does not lead the public here.
  for (const path of [`engine-router/admin/${id}/connections`, 'engine-router/admin/all/connections']) {
    const response = await fetch(`${url}/wide/${path}`)
    assert.deepEqual([response.status, (await response.text()).includes('127.0.0.1')], [403, false], path)
  }

  const stopped = app.stop()
  await eventually('it answers no more', async () => (await idOf(nats, app.httpPort)) === undefined)
  await stopped
})

test('a router is no micro service where nats.service says so', async (t) => {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  const config = routerConfigSchema.parse({
    listen: { http: { host: '127.0.0.1', port: 0 }, admin: { port: 0 } },
    nats: { servers: [await natsUrl()], service: false },
    database: { url: 'postgres://nobody@127.0.0.1:1/none' },
    routes: { cache: join(await temporaryDirectory(), 'routes.json') },
    drain: { timeout: '0s' },
  })
  const app = await startApp(toRouterConfig(config), createLogger('fatal'))
  t.after(() => app.stop())
  await eventually('connected', () => app.gauges().natsConnected)
  // By the time that a later one is known, this one would be.
  const { app: later } = await startTestApp(t, [])
  await eventually('the later one is registered', () => idOf(nats, later.httpPort))
  assert.equal(await idOf(nats, app.httpPort), undefined)
})

/** Of the router on this port, among all that share the server. */
async function idOf(nats: NatsConnection, httpPort: number): Promise<string | undefined> {
  const answers: Msg[] = []
  const options = { strategy: RequestStrategy.JitterTimer, maxWait: ANSWER_MS } as const
  try {
    for await (const answer of await nats.requestMany('$SRV.PING.engine-router', '', options)) answers.push(answer)
  } catch {
    // Nobody is there.
    return undefined
  }
  const routers = answers.map((answer) => answer.json<{ id: string; metadata: { http: string } }>())
  return routers.find(({ metadata }) => metadata.http === String(httpPort))?.id
}
