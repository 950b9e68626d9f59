import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { MetricSamples } from './metric-samples.ts'
import { FIND_MS, noRouterError, openFleet, type RouterFleet } from './router-fleet.ts'
import type { Look, Watched } from './top.ts'
import { routeLines, tableLines } from './top-routes.ts'
import { createTopView, type TopView } from './top-view.ts'
import type { Io, VerbArgs } from './verb.ts'

const EVERY_MS = 1000
/** Anyone on NATS may answer with anything. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024

const decompress = promisify(gunzip)

/** What one router has counted. */
interface Scrape {
  readonly text: string
  readonly atMs: number
}

/** All routers on one NATS; who comes and goes is found out each time. Rejects if there is none. */
export async function watchFleet(args: VerbArgs, io: Io): Promise<Watched> {
  const fleet = await openFleet(args, io)
  try {
    let before = (await scrapeAll(fleet)).scrapes
    if (before.size === 0) throw noRouterError()
    return {
      pauseMs: EVERY_MS - FIND_MS,
      async look() {
        const { scrapes, silent } = await scrapeAll(fleet)
        // One that has gone since the last time is told of once.
        for (const router of before.keys()) if (!scrapes.has(router) && !silent.includes(router)) silent.push(router)
        const look = compare(before, scrapes, silent.sort(), io)
        before = scrapes
        return look
      },
      close: fleet.close,
    }
  } catch (error) {
    await fleet.close()
    throw error
  }
}

async function scrapeAll(fleet: RouterFleet): Promise<{ scrapes: Map<string, Scrape>; silent: string[] }> {
  const scrapes = new Map<string, Scrape>()
  const silent: string[] = []
  const routers = await fleet.find()
  await Promise.all(
    routers.map(async (router) => {
      const answer = await fleet.ask(router, 'metrics')
      const text = 'data' in answer ? await inflate(answer.data) : undefined
      if (text === undefined) silent.push(router)
      else scrapes.set(router, { text, atMs: performance.now() })
    }),
  )
  return { scrapes, silent }
}

async function inflate(data: Uint8Array): Promise<string | undefined> {
  try {
    const text = (await decompress(data, { maxOutputLength: MAX_TEXT_BYTES })).toString()
    // Without what a terminal would heed.
    return text.replaceAll(/[^\x20-\x7e\n]/g, '?')
  } catch {
    // It is no text of a router, or one beyond all measure.
    return undefined
  }
}

function compare(
  before: ReadonlyMap<string, Scrape>,
  after: ReadonlyMap<string, Scrape>,
  silent: readonly string[],
  io: Io,
): Look {
  const known = [...after.keys()].filter((router) => before.has(router)).sort()
  const routers = known.map((router) => ({
    router,
    ...viewOf([before.get(router)!], [after.get(router)!]),
  }))
  // The counters of all of them add up, and so do the buckets of their histograms.
  const scrapesOf = (scrapes: ReadonlyMap<string, Scrape>) => known.flatMap((router) => scrapes.get(router) ?? [])
  const { routes } = viewOf(scrapesOf(before), scrapesOf(after))
  return {
    view: { routers, silent, routes },
    lines: [
      ...tableLines(
        ROUTER_COLUMNS,
        [...routers.map(routerCells), ...silent.map((router) => [router, 'no answer'])],
        io,
      ),
      '',
      ...routeLines(routes, io),
    ],
  }
}

function viewOf(before: readonly Scrape[], after: readonly Scrape[]): TopView {
  const textOf = (scrapes: readonly Scrape[]) => new MetricSamples(scrapes.map(({ text }) => text).join('\n'))
  const seconds = ((after[0]?.atMs ?? 0) - (before[0]?.atMs ?? 0)) / 1000
  return createTopView(textOf(before), textOf(after), seconds)
}

const ROUTER_COLUMNS = [
  'ROUTER',
  'NATS',
  'TABLE',
  'HTTP',
  'WS',
  'TCP',
  'IN FLIGHT',
  'PER S',
  'FAILED',
  'CPU',
  'MEMORY',
  'LAG',
]

function routerCells(view: TopView & { readonly router: string }): string[] {
  const { http, ws, tcp } = view.connections
  const sum = (of: 'exchangesPerSecond' | 'failedPerSecond') =>
    view.routes.reduce((total, route) => total + route[of], 0).toFixed(1)
  return [
    view.router,
    view.natsConnected ? 'connected' : 'not connected',
    String(view.tableRevision),
    String(http),
    String(ws),
    String(tcp),
    String(view.inFlight),
    sum('exchangesPerSecond'),
    sum('failedPerSecond'),
    `${Math.round(view.cpuPercent)}%`,
    `${Math.round(view.memoryBytes / 1024 ** 2)} MiB`,
    `${view.lagMs.toFixed(1)} ms`,
  ]
}
