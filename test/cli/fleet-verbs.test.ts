/** What asks every router over NATS. The routers are those of the composition, with a source and metrics of the test. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import { connect } from 'nats'
import type { AdminSource } from '../../src/admin/source.ts'
import type { ClientConnection } from '../../src/exchange/client-connection.ts'
import type { ServiceEndpoint } from '../../src/exchange/service-endpoint.ts'
import { NatsLink } from '../../src/nats/connection.ts'
import { ServiceResponder } from '../../src/nats/service-responder.ts'
import { OPERATOR_PREFIX, SERVICE_NAME, startOperatorService } from '../../src/operator-service.ts'
import { fakeSource } from '../admin/fake-source.ts'
import { eventually } from '../support/eventually.ts'
import { startNats } from '../support/nats.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { runCli } from './run-cli.ts'

function connections(count: number): AdminSource {
  const all = Array.from({ length: count }, (_, n): ClientConnection => {
    const protocol = 'mux'
    return {
      id: `ws-${n + 1}`,
      kind: 'ws',
      protocol,
      remote: '192.0.2.1',
      sinceMs: 0,
      exchanges: 0,
      bytesIn: 1,
      bytesOut: 2,
      close() {},
    }
  })
  return fakeSource({ connectionCount: count, connections: (after) => all.slice(after?.number ?? 0) })
}

/** A nats-server of its own, since verbs ask all routers of one. */
async function startFleet(t: TestContext) {
  const server = await startNats()
  t.after(() => server.stop())

  function createLink(): NatsLink {
    const link = new NatsLink({ servers: [server.url], name: 'router', logger: silentLogger })
    t.after(() => link.close())
    return link
  }

  async function connected(own: NatsLink): Promise<void> {
    own.start()
    await eventually('connected', () => own.connected)
    await own.client?.flush()
  }

  return {
    url: server.url,
    run: (...words: string[]) => runCli(words, { env: { NATS_URL: server.url } }),

    async startRouter(source: AdminSource, metrics = () => ''): Promise<void> {
      const own = createLink()
      startOperatorService({
        link: own,
        logger: silentLogger,
        source,
        metrics: () => ({ text: metrics() }),
        ports: { http: 1, admin: 2 },
        randomBytes,
      })
      await connected(own)
    },

    /** It is there, and answers each question as the test says. */
    async startOddRouter(id: string, answer: ServiceEndpoint['answer']): Promise<void> {
      const own = createLink()
      new ServiceResponder({
        link: own,
        logger: silentLogger,
        name: SERVICE_NAME,
        id,
        version: '1.0.0',
        description: '',
        metadata: {},
        prefix: OPERATOR_PREFIX,
        endpoints: ['connections', 'metrics'].map((name) => ({ name, answer })),
      })
      await connected(own)
    },
  }
}

describe('verbs for all routers', { concurrency: true }, () => {
  const never = () => new Promise<never>(() => {})

  test('conns ls --all pages through the connections of each, and says whose they are', async (t) => {
    const { run, startRouter } = await startFleet(t)
    await startRouter(connections(2500))
    await startRouter(connections(2))
    const { code, stdout, stderr } = await run('conns', 'ls', '--all', '--json', '--limit', '2200')
    assert.deepEqual([code, stderr], [0, ''])
    const answer = JSON.parse(stdout)
    assert.equal(answer.total, 2502)
    assert.deepEqual(answer.routers.map(({ total }: { total: number }) => total).sort(), [2, 2500])
    assert.deepEqual(answer.silent, [])
    const large = answer.routers.find(({ total }: { total: number }) => total === 2500).router
    const ids = answer.connections.flatMap((each: { router: string; id: string }) =>
      each.router === large ? [each.id] : [],
    )
    assert.deepEqual(
      ids,
      Array.from({ length: 2200 }, (_, n) => `ws-${n + 1}`),
    )
    assert.equal(answer.connections.length, 2202)

    const table = await run('conns', 'ls', '--all', '-n', '1')
    assert.match(table.stdout, /^ROUTER +ID +KIND /)
    assert.match(table.stdout, /\n2 of 2502 WebSocket and TCP connections of 2 routers\n$/)
  })

  test('conns ls --all tells of routers that do not answer in time, and fails', async (t) => {
    const { run, startRouter, startOddRouter } = await startFleet(t)
    await startRouter(connections(1))
    await startOddRouter('deaf-1', never)
    const { code, stdout, stderr } = await run('conns', 'ls', '--all', '--json')
    assert.equal(code, 1)
    assert.equal(stderr, 'router deaf-1: no answer within 2000 ms\n')
    const { routers, silent } = JSON.parse(stdout)
    assert.equal(routers.length, 1)
    assert.deepEqual(silent, [{ router: 'deaf-1', problem: 'no answer within 2000 ms' }])
  })

  test('conns ls --all asks again what a router was too busy to answer', async (t) => {
    const { run, startOddRouter } = await startFleet(t)
    let asked = 0
    await startOddRouter('busy-1', () => {
      if (++asked < 3) return { code: 429, title: 'too much' }
      return { data: Buffer.from('{"total":0,"connections":[]}') }
    })
    const { code, stdout } = await run('conns', 'ls', '--all', '--json')
    assert.deepEqual([code, asked], [0, 3])
    assert.deepEqual(JSON.parse(stdout).routers, [{ router: 'busy-1', total: 0 }])
  })

  test('conns ls --all says what a router has against the question', async (t) => {
    const { run, startOddRouter } = await startFleet(t)
    await startOddRouter('old-1', () => ({ code: 404, title: 'nothing\u001b[2J' }))
    await startOddRouter('odd-1', () => ({ data: Buffer.from('{}') }))
    const { code, stderr } = await run('conns', 'ls', '--all')
    assert.equal(code, 1)
    assert.equal(
      stderr,
      'router odd-1: its answer cannot be read: is it of another release?\nrouter old-1: nothing?[2J\n',
    )
  })

  test('top --all goes on without a router that does not answer, and names it', async (t) => {
    const { run, startRouter, startOddRouter } = await startFleet(t)
    await startRouter(fakeSource())
    await startOddRouter('deaf-2', never)
    const { code, stdout } = await run('top', '--all', '--once')
    assert.equal(code, 0)
    assert.match(stdout, /\ndeaf-2 +no answer\n/)
  })

  test('top --all adds up the routes of all routers', async (t) => {
    const { run, startRouter } = await startFleet(t)
    const counting = (step: number) => {
      let count = 0
      return () => {
        count += step
        return `engine_router_nats_connected 1\nengine_router_exchanges_total{route="a",kind="http",code="ok"} ${count}\n`
      }
    }
    await startRouter(fakeSource(), counting(10))
    await startRouter(fakeSource(), counting(30))
    const { routers, routes, silent } = JSON.parse((await run('top', '--all', '--json')).stdout)
    assert.deepEqual(silent, [])
    const rates: number[] = routers.map(
      (each: { routes: { exchangesPerSecond: number }[] }) => each.routes[0]?.exchangesPerSecond,
    )
    assert.equal(rates.length, 2)
    // Each was asked at a moment of its own.
    assert.ok(Math.max(...rates) > 2 * Math.min(...rates))
    const sum = rates[0]! + rates[1]!
    assert.ok(Math.abs(routes[0].exchangesPerSecond - sum) < sum / 4, `${routes[0].exchangesPerSecond} of ${sum}`)
    const { stdout } = await run('top', '--all', '--once')
    assert.match(stdout, /^ROUTER +NATS +TABLE +HTTP +WS +TCP +IN FLIGHT +PER S +FAILED +CPU +MEMORY +LAG\n/)
    assert.match(stdout, /\n\S+ +connected +0 /)
    assert.match(stdout, /\nROUTE +PER S +FAILED +P50 +P99 +IN\/S +OUT\/S\na +\d/)
  })

  test('nothing of what anyone may answer reaches the terminal as it is', async (t) => {
    const { run, url } = await startFleet(t)
    const nats = await connect({ servers: url })
    t.after(() => nats.close())
    const answers: Readonly<Record<string, string>> = {
      '$SRV.PING.engine-router': '{"id":"evil-1"}',
      'engine-router.admin.evil-1.connections': '{"total":1,"connections":[{"id":"\\u001b[2J\\u009b"}]}',
    }
    for (const [subject, answer] of Object.entries(answers)) {
      nats.subscribe(subject, { callback: (_error, message) => void message.respond(answer) })
    }
    // No subject is made of a name like this.
    nats.subscribe('$SRV.PING.engine-router', { callback: (_error, message) => void message.respond('{"id":"a.>"}') })
    await nats.flush()
    const { code, stdout, stderr } = await run('conns', 'ls', '--all')
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /\nevil-1 +\?\[2J\? /)
    assert.match(stdout, /of 1 router\n$/)
  })

  test('say that nobody is there, and what cannot be asked for', async (t) => {
    const { run } = await startFleet(t)
    for (const words of [
      ['conns', 'ls', '--all'],
      ['top', '--all', '--once'],
    ]) {
      const { code, stderr } = await run(...words)
      assert.equal(code, 1)
      assert.match(stderr, /no router answers over NATS.*nats\.service.*\$SRV\.>/)
      assert.equal((await run(...words, '--url', 'http://127.0.0.1:9090')).code, 2)
    }
    const away = await runCli(['conns', 'ls', '--all', '--nats-url', 'nats://127.0.0.1:1'])
    assert.equal(away.code, 1)
    assert.match(away.stderr, /NATS is not reachable/)
  })
})
