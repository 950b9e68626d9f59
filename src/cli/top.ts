import { setTimeout as delay } from 'node:timers/promises'
import { ADMIN_OPTIONS, createAdminClient } from './admin-client.ts'
import { MetricSamples } from './metric-samples.ts'
import { alignColumns, createPaint, printJson } from './print.ts'
import { createTopView, type TopView } from './top-view.ts'
import type { Io, Verb } from './verb.ts'

const EVERY_MS = 1000
/** Another screen without a cursor, so that what was on the terminal is there again afterwards. */
const ENTER_SCREEN = '\x1b[?1049h\x1b[?25l'
const LEAVE_SCREEN = '\x1b[?25h\x1b[?1049l'

export const verb: Verb = {
  options: {
    once: { type: 'boolean', description: 'Print one second and exit' },
    json: { type: 'boolean', description: 'Print one second as one JSON document and exit' },
    ...ADMIN_OPTIONS,
  },
  examples: ['engine-router top', 'engine-router top --once --url http://127.0.0.1:9090'],
  async run(args, io) {
    const admin = await createAdminClient(args, io)
    const isJson = args.options.json === true
    const isOnce = isJson || args.options.once === true
    const scrape = async () => ({ samples: new MetricSamples(await admin.metrics()), atMs: performance.now() })
    let before = await scrape()
    const isScreen = !isOnce && io.stdout.isTTY === true
    if (isScreen) io.stdout.write(ENTER_SCREEN)
    try {
      while (await waits(io.signal)) {
        const after = await scrape()
        const view = createTopView(before.samples, after.samples, (after.atMs - before.atMs) / 1000)
        before = after
        if (isJson) printJson(io, view)
        else io.stdout.write(isScreen ? frame(topLines(view, io), io) : `${topLines(view, io).join('\n')}\n`)
        if (isOnce) return 0
      }
      return 0
    } catch (error) {
      // Ctrl-C in the middle of a question is how it ends.
      if (io.signal.aborted) return 0
      throw error
    } finally {
      if (isScreen) io.stdout.write(LEAVE_SCREEN)
    }
  },
}

/** False: there was an interrupt. */
function waits(signal: AbortSignal): Promise<boolean> {
  return delay(EVERY_MS, true, { signal }).catch(() => false)
}

/** Over what was drawn before, without a flicker; no more than fits. */
function frame(lines: readonly string[], { stdout }: Io): string {
  const rows = 'rows' in stdout && typeof stdout.rows === 'number' ? stdout.rows : 24
  return `\x1b[H${lines
    .slice(0, rows - 1)
    .map((line) => `${line}\x1b[K\n`)
    .join('')}\x1b[J`
}

function topLines(view: TopView, io: Io): string[] {
  const paint = createPaint(io.stdout, io.env)
  const { http, ws, tcp } = view.connections
  const nats = view.natsConnected ? paint('green', 'connected') : paint('red', 'not connected')
  const memoryMiB = Math.round(view.memoryBytes / 1024 ** 2)
  const rows = view.routes.map((route) => [
    route.route,
    route.exchangesPerSecond.toFixed(1),
    route.failedPerSecond.toFixed(1),
    milliseconds(route.p50Ms),
    milliseconds(route.p99Ms),
    kibibytes(route.bytesInPerSecond),
    kibibytes(route.bytesOutPerSecond),
  ])
  // Cut before it is painted: a cut must not go through a colour. A line that wraps would spoil the screen.
  const columns = io.stdout.columns ?? 120
  const [head = '', ...lines] = alignColumns([
    ['ROUTE', 'PER S', 'FAILED', 'P50', 'P99', 'IN/S', 'OUT/S'],
    ...rows,
  ]).map((line) => line.slice(0, columns))
  const machine = `CPU ${Math.round(view.cpuPercent)}%  memory ${memoryMiB} MiB  lag ${view.lagMs.toFixed(1)} ms`
  return [
    `NATS ${nats}  table ${view.tableRevision}  connections ${http} http ${ws} ws ${tcp} tcp`,
    `in flight ${view.inFlight}  slow clients ${view.slowClients}  ${machine}`.slice(0, columns),
    '',
    paint('bold', head),
    ...lines,
  ]
}

/** The upper bound of a bucket. */
function milliseconds(boundMs: number | undefined): string {
  return boundMs === undefined ? '-' : `<${boundMs}ms`
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)}K`
}
