import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import type { Child } from '../../src/dev/child.ts'
import { type RouterProcess, type RouterSettings, startRouter } from '../app/router-process.ts'
import { query } from '../store/migrated-database.ts'
import { backendPrograms } from '../support/backend-programs.ts'
import { eventually } from '../support/eventually.ts'
import { startNats, type TestNats } from '../support/nats.ts'
import { createTestDatabase } from '../support/postgres.ts'

/** Of every route here, in which a backend has to say something. */
export const TIMEOUT_MS = 1000
/** An answer that waits for nothing: far below any timeout, far above a busy machine's hiccups. */
export const AT_ONCE_MS = 900
/** What a router may have grown by when all is over: caches and pools, not a leak. */
const MAX_GROWTH_BYTES = 96 * 1024 ** 2

/** A router, its NATS and its table, each a process of its own that a test may break. */
export interface Stage {
  readonly nats: TestNats
  readonly router: RouterProcess
  /** A connection of the test's own, straight to NATS. */
  readonly client: NatsConnection
  readonly databaseUrl: string
  /** Status and, of an error, its code; how long it took. */
  ask(path: string, init?: RequestInit): Promise<Answer>
  /** The SDK in a process of its own until this test is over, with the streams of test/conformance/node-backend.ts. */
  startBackend(t: TestContext): Promise<Child>
  /** One number of /metrics; the series is named with its labels, 0 if it is not there. */
  metric(series: string): Promise<number>
  /** How many exchanges of the route have ended with this code. */
  counted(route: string, code: string): Promise<number>
  /** Waits until nothing is under way in the router, and checks that it has not grown. */
  assertCalm(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly text: string
  readonly tookMs: number
}

export interface StageOptions extends Omit<RouterSettings, 'natsUrl' | 'databaseUrl'> {
  /** Of nats-server. */
  readonly natsArgs?: readonly string[]
  /** What the router gets in place of the real address, such as a proxy's. */
  readonly natsUrlFor?: (nats: TestNats) => Promise<string> | string
  readonly databaseUrlFor?: (url: string) => Promise<string> | string
}

const ROUTES = `insert into routes (name, path, subject, reply, body, timeout) values
  ('plain', '/plain', 'plain', null, null, '${TIMEOUT_MS}ms'),
  ('many', '/many', 'many', 'many', null, '${TIMEOUT_MS}ms'),
  ('stream', '/sx/{op}', 'sx.{op}', null, 'stream', '${TIMEOUT_MS}ms')`

/** All of it, ready. Nothing is left after the test. */
export async function startStage(t: TestContext, options: StageOptions = {}): Promise<Stage> {
  const { natsArgs = [], natsUrlFor, databaseUrlFor, ...settings } = options
  const nats = await startNats({ args: natsArgs })
  t.after(() => nats.stop())
  const database = await createTestDatabase({ migrated: true })
  t.after(() => database.drop())
  await query(database.url, ROUTES)
  const client = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 })
  t.after(() => client.close())
  const router = await startRouter(t, {
    ...settings,
    natsUrl: (await natsUrlFor?.(nats)) ?? nats.url,
    databaseUrl: (await databaseUrlFor?.(database.url)) ?? database.url,
  })
  await router.ready()
  const metrics = async () => (await fetch(`${router.adminUrl}/metrics`)).text()
  const metric = async (series: string) => numberIn(await metrics(), series)
  const memoryBytes = () => metric('engine_router_resident_memory_bytes')
  const grownFromBytes = await memoryBytes()
  return {
    nats,
    router,
    client,
    databaseUrl: database.url,
    ask: (path, init) => ask(router.url + path, init),
    async startBackend(until) {
      const backend = await backendPrograms[0]!.start(nats.url, 'sx', 'sx')
      until.after(() => {
        // A stopped process would not hear that it is to end.
        backend.signalGroup('SIGKILL')
        return backend.exited
      })
      return backend
    },
    metric,
    counted: async (route, code) =>
      (await metrics())
        .split('\n')
        .filter((line) => line.startsWith('engine_router_exchanges_total{'))
        .filter((line) => line.includes(`route="${route}"`) && line.includes(`code="${code}"`))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0),
    async assertCalm() {
      const gauges = ['engine_router_exchanges_in_flight', 'engine_router_inbox_tokens', 'engine_router_slow_clients']
      await eventually('nothing is under way', async () => {
        const text = await metrics()
        const values = gauges.map((name) => numberIn(text, name))
        if (values.some((value) => value !== 0)) throw new Error(`${gauges} are ${values}`)
        return true
      })
      const growthBytes = (await memoryBytes()) - grownFromBytes
      assert.ok(growthBytes < MAX_GROWTH_BYTES, `the router has grown by ${growthBytes} bytes`)
    },
  }
}

async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const beganMs = performance.now()
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000), ...init })
  const text = await response.text()
  const tookMs = performance.now() - beganMs
  const isProblem = response.headers.get('content-type') === 'application/problem+json'
  const code = isProblem ? (JSON.parse(text) as { code: string }).code : undefined
  return { status: response.status, code, text, tookMs }
}

function numberIn(metrics: string, series: string): number {
  const line = metrics.split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? 0 : Number(line.slice(series.length + 1))
}
