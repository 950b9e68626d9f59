import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type App, startApp } from '../../src/app.ts'
import { toRouterConfig } from '../../src/config/router-config.ts'
import { routerConfigSchema } from '../../src/config/schema.ts'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { applyRoutes } from '../../src/store/apply-routes.ts'
import { openDatabase } from '../../src/store/database.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import type { Tracing } from '../../src/telemetry/tracing.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { type LogLine, temporaryDirectory } from './router-process.ts'

/** The whole router in this process, ready, with these routes in a database of its own. */
export interface TestApp {
  readonly app: App
  readonly url: string
  readonly adminUrl: string
  readonly databaseUrl: string
  /** What it has logged, from `debug` up. */
  logText(): string
  log(): LogLine[]
  /** Waits until nothing is under way, by when all of it is logged and counted. */
  idle(): Promise<void>
}

/**
 * @param tcp of `listen.tcp`
 * @param tracing as of `startApp`
 * @param limits of the configuration
 * @param nats more of `nats` there
 */
export async function startTestApp(
  t: TestContext,
  routes: readonly RouteDocument[],
  tcp: readonly object[] = [],
  tracing?: Tracing,
  limits: object = {},
  nats: object = {},
): Promise<TestApp> {
  const database = await createTestDatabase({ migrated: true })
  const { db, close } = openDatabase(database.url, { logger: silentLogger, maxConnections: 1 })
  await applyRoutes(db, routes, { author: 'test', comment: undefined })
  await close()

  let text = ''
  const logger = createLogger('debug', {
    write(line) {
      text += line
    },
  })
  const config = routerConfigSchema.parse({
    listen: { http: { host: '127.0.0.1', port: 0 }, admin: { port: 0 }, tcp },
    nats: { servers: [await natsUrl()], ...nats },
    database: { url: database.url },
    routes: { cache: join(await temporaryDirectory(), 'routes.json') },
    limits,
    drain: { timeout: '0s' },
  })
  const app = await startApp(toRouterConfig(config), logger, tracing)
  t.after(async () => {
    await app.stop()
    await database.drop()
  })
  const adminUrl = `http://127.0.0.1:${app.adminPort}`
  await eventually('ready', async () => (await fetch(`${adminUrl}/readyz`)).status === 200)
  return {
    app,
    url: `http://127.0.0.1:${app.httpPort}`,
    adminUrl,
    databaseUrl: database.url,
    logText: () => text,
    log: () =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as LogLine),
    async idle() {
      await eventually('idle', () => app.gauges().webExchanges + app.gauges().natsExchanges === 0)
    },
  }
}
