import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { query } from '../../store/migrated-database.ts'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { startHaproxy } from '../../support/haproxy.ts'
import { natsUrl } from '../../support/nats.ts'
import { createTestDatabase } from '../../support/postgres.ts'
import { type RouterProcess, startRouter } from '../router-process.ts'
import { type CountingBackend, startCountingBackend } from './backend.ts'

export const CONFIG_FILE = join(import.meta.dirname, '../../../docker/haproxy/haproxy.cfg')

export interface Stage {
  /** Of HAProxy. */
  readonly url: string
  readonly backend: CountingBackend
  /** Stops one of the two routers with SIGTERM and starts it again; resolves when clients reach it. */
  restart(index: number): Promise<Restart>
}

export interface Restart {
  /** When the router began to tell its clients to go, as of `performance.now()`. */
  readonly drainedFromMs: number
  readonly exitCode: number | null
}

export interface StageOptions {
  readonly drainDelayMs: number
  readonly drainTimeoutMs: number
}

/** Two routers behind HAProxy with the configuration that operators get, and a backend in this process. */
export async function startStage(t: TestContext, { drainDelayMs, drainTimeoutMs }: StageOptions): Promise<Stage> {
  const prefix = `t${process.pid}rolling`
  const database = await createTestDatabase({ migrated: true })
  t.after(() => database.drop())
  await query(
    database.url,
    `insert into routes (name, path, subject, reply, body) values
      ('get', '/get/{n}', '${prefix}.get.{n}', null, null), ('post', '/post/{n}', '${prefix}.post.{n}', null, null),
      ('events', '/events', '${prefix}.events', 'many', 'stream'), ('upload', '/upload', '${prefix}.upload', null, 'stream')`,
  )
  const backend = await startCountingBackend(await natsUrl(), prefix)
  t.after(() => backend.close())

  const settings = {
    natsUrl: await natsUrl(),
    databaseUrl: database.url,
    drainDelay: `${drainDelayMs}ms`,
    drainTimeout: `${drainTimeoutMs}ms`,
    trustedProxies: ['127.0.0.1'],
  }
  const places = await Promise.all(
    [0, 1].map(async () => ({ ...settings, httpPort: await freePort(), adminPort: await freePort() })),
  )
  const start = async (index: number) => {
    const router = await startRouter(t, places[index]!)
    await router.ready()
    return router
  }
  const routers: RouterProcess[] = [await start(0), await start(1)]
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  startHaproxy(t, CONFIG_FILE, {
    HAPROXY_BIND: `127.0.0.1:${port}`,
    ROUTER_1: `127.0.0.1:${places[0]!.httpPort}`,
    ROUTER_1_ADMIN_PORT: String(places[0]!.adminPort),
    ROUTER_2: `127.0.0.1:${places[1]!.httpPort}`,
    ROUTER_2_ADMIN_PORT: String(places[1]!.adminPort),
  })
  await eventually('HAProxy', async () => (await fetch(`${url}/get/0`)).status === 200)
  return {
    url,
    backend,
    async restart(index) {
      const old = routers[index]!
      old.signal('SIGTERM')
      const drainedFromMs = performance.now() + drainDelayMs
      const exitCode = await old.exitCode
      const router = await start(index)
      routers[index] = router
      await eventually('clients reach it', () => hasServed(router), { timeoutMs: 10_000 })
      return { drainedFromMs, exitCode }
    },
  }
}

async function hasServed(router: RouterProcess): Promise<boolean> {
  const metrics = await (await fetch(`${router.adminUrl}/metrics`)).text()
  return /^engine_router_exchanges_total\{[^}]*\} [1-9]/m.test(metrics)
}
