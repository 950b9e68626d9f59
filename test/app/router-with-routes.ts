import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { type RouterProcess, type RouterSettings, startRouter, temporaryDirectory } from './router-process.ts'

/** `engine-router serve` with these settings and routes, ready. */
export interface RouterWithRoutes extends RouterProcess {
  /** Of `listen.tcp`, in order. */
  readonly tcpPorts: readonly number[]
  /** One number of /metrics; the series is named with its labels, 0 if it is not there. */
  metric(series: string): Promise<number>
  /** How many exchanges have ended with this code, on all routes. */
  counted(code: string): Promise<number>
}

export async function startRouterWithRoutes(
  t: Pick<TestContext, 'after'>,
  routes: readonly RouteDocument[],
  settings: Omit<RouterSettings, 'natsUrl' | 'databaseUrl' | 'routes'>,
): Promise<RouterWithRoutes> {
  const database = await createTestDatabase({ migrated: true })
  t.after(() => database.drop())
  const directory = await temporaryDirectory()
  // JSON is YAML.
  await writeFile(join(directory, 'routes.yaml'), JSON.stringify({ version: 1, routes }))
  const router = await startRouter(
    t,
    { ...settings, natsUrl: await natsUrl(), databaseUrl: database.url, routes: { file: 'routes.yaml' } },
    directory,
  )
  await router.ready()
  const samples = async () => {
    const text = await (await fetch(`${router.adminUrl}/metrics`)).text()
    return text.split('\n').map((line): [string, number] => {
      const space = line.lastIndexOf(' ')
      return [line.slice(0, space), Number(line.slice(space + 1))]
    })
  }
  const metric = async (series: string) => new Map(await samples()).get(series) ?? 0
  await eventually('the table has the routes', async () => (await metric('engine_router_routes')) === routes.length)
  return {
    ...router,
    tcpPorts: router.log().find(({ msg }) => msg.startsWith('listening on'))?.tcp as number[],
    metric,
    counted: async (code) =>
      (await samples())
        .filter(([series]) => series.startsWith('engine_router_exchanges_total{') && series.includes(`code="${code}"`))
        .reduce((sum, [, value]) => sum + value, 0),
  }
}
