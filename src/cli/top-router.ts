import { createAdminClient } from './admin-client.ts'
import { MetricSamples } from './metric-samples.ts'
import { createPaint } from './print.ts'
import type { Watched } from './top.ts'
import { routeLines } from './top-routes.ts'
import { createTopView, type TopView } from './top-view.ts'
import type { Io, VerbArgs } from './verb.ts'

/** One router, over its admin listener. Rejects if it is not there. */
export async function watchRouter(args: VerbArgs, io: Io): Promise<Watched> {
  const admin = await createAdminClient(args, io)
  const scrape = async () => ({ samples: new MetricSamples(await admin.metrics()), atMs: performance.now() })
  let before = await scrape()
  return {
    pauseMs: 1000,
    async look() {
      const after = await scrape()
      const view = createTopView(before.samples, after.samples, (after.atMs - before.atMs) / 1000)
      before = after
      return { view, lines: topLines(view, io) }
    },
    async close() {},
  }
}

function topLines(view: TopView, io: Io): string[] {
  const paint = createPaint(io.stdout, io.env)
  const { http, ws, tcp } = view.connections
  const nats = view.natsConnected ? paint('green', 'connected') : paint('red', 'not connected')
  const memoryMiB = Math.round(view.memoryBytes / 1024 ** 2)
  const machine = `CPU ${Math.round(view.cpuPercent)}%  memory ${memoryMiB} MiB  lag ${view.lagMs.toFixed(1)} ms`
  return [
    `NATS ${nats}  table ${view.tableRevision}  connections ${http} http ${ws} ws ${tcp} tcp`,
    `in flight ${view.inFlight}  slow clients ${view.slowClients}  ${machine}`.slice(0, io.stdout.columns ?? 120),
    '',
    ...routeLines(view.routes, io),
  ]
}
