import {
  prepareIdleRouters,
  startCeiling,
  startFastify,
  startPolicyRoutes,
  startResponder,
  startRouter,
  startStreamPrograms,
  startTelemetryRouters,
  startWebSocketGateways,
} from '../bench/gateways.ts'
import { type IdleFigures, measureIdle } from '../bench/idle.ts'
import {
  type BenchReport,
  createReport,
  IDLE_HEAD,
  idleRows,
  POLICIES_HEAD,
  policyRows,
  STREAMS_HEAD,
  streamRows,
  TELEMETRY_HEAD,
  telemetryRows,
  UNARY_HEAD,
  unaryRows,
  WEB_SOCKETS_HEAD,
  webSocketRows,
} from '../bench/report.ts'
import { measureSignatures, type SignatureFigures } from '../bench/signatures.ts'
import { measureStreams, type StreamFigures } from '../bench/streams.ts'
import { measureUnary, type UnaryFigures } from '../bench/unary.ts'
import { measureWebSockets, type WebSocketFigures } from '../bench/websockets.ts'
import { prepareWrk } from '../bench/wrk.ts'
import { ChildGuard } from '../dev/child-guard.ts'
import { ensureNatsServer, startNatsServer } from '../dev/nats-server.ts'
import { printJson, printLine, printTable } from './print.ts'
import { type Io, UsageError, type Verb, type VerbArgs } from './verb.ts'

export const verb: Verb = {
  options: {
    connections: { type: 'string', value: 'LIST', description: 'Connections at a time (1,64,256)' },
    seconds: { type: 'string', value: 'N', description: 'Length of one run (3)' },
    rounds: { type: 'string', value: 'N', description: 'Runs of which the median counts (5)' },
    routes: { type: 'string', value: 'N', description: 'Routes in the table (1000)' },
    only: {
      type: 'string',
      value: 'LIST',
      description: 'Parts to measure (unary,telemetry,policies,streams,websockets,idle)',
    },
    json: { type: 'boolean', description: 'Print the report as JSON' },
  },
  examples: ['engine-router bench', 'engine-router bench --connections 64 --rounds 3 --json'],
  async run(args, io) {
    const connections = list(args, 'connections', '1,64,256')
    const seconds = number(args, 'seconds', '3')
    const rounds = number(args, 'rounds', '5')
    const routes = number(args, 'routes', '1000')
    const parts = partList(args)
    const say = createStatus(io)
    const guard = new ChildGuard()
    const wrk = await prepareWrk(say, io.signal)
    try {
      say('starting nats-server, Postgres, the responder and the gateways')
      const { url: natsUrl } = await startNatsServer(guard, { binary: await ensureNatsServer(io.env, say) })
      await startResponder(guard, natsUrl)
      const router = await startRouter(guard, natsUrl, routes)
      const onProgress = (done: number, total: number, what: string) => say(`${done + 1}/${total} ${what}`)
      const { signal } = io
      let unary: UnaryFigures[] = []
      if (parts.has('unary')) {
        const gateways = [await startCeiling(guard, natsUrl), router, await startFastify(guard, natsUrl)]
        unary = await measureUnary(wrk, gateways, { connections, rounds, seconds, signal, onProgress })
      }
      let telemetry: UnaryFigures[] = []
      if (parts.has('telemetry')) {
        const routers = await startTelemetryRouters(guard, natsUrl, routes)
        telemetry = await measureUnary(wrk, routers, { connections: [64], rounds, seconds, signal, onProgress })
      }
      let policies: UnaryFigures[] = []
      let signatures: SignatureFigures[] = []
      if (parts.has('policies')) {
        const gateways = await startPolicyRoutes(guard, natsUrl, routes)
        policies = await measureUnary(wrk, gateways, { connections: [64], rounds, seconds, signal, onProgress })
        signatures = await measureSignatures()
      }
      let streams: StreamFigures[] = []
      if (parts.has('streams')) {
        await startStreamPrograms(guard, natsUrl)
        streams = await measureStreams(natsUrl, router, { rounds, signal, onProgress })
      }
      let webSockets: WebSocketFigures[] = []
      if (parts.has('websockets')) {
        const others = await startWebSocketGateways(guard, natsUrl)
        webSockets = await measureWebSockets(natsUrl, { router, ...others }, { rounds, seconds, signal, onProgress })
      }
      let idle: IdleFigures[] = []
      if (parts.has('idle')) {
        idle = await measureIdle(natsUrl, await prepareIdleRouters(guard, natsUrl), { signal, onProgress })
      }
      say('')
      const report = createReport(
        { unary, telemetry, policies, signatures, streams, webSockets, idle },
        { routes, rounds, seconds },
      )
      if (args.options.json === true) printJson(io, report)
      else printReport(io, report)
      return 0
    } catch (error) {
      say('')
      // Ctrl-C is also for the children that share our terminal: what fails then fails because of it.
      io.signal.throwIfAborted()
      throw error
    } finally {
      await wrk.close()
      await guard.close()
    }
  },
}

function printReport(io: Io, report: BenchReport): void {
  const { machine, node, routes, rounds, seconds } = report
  printLine(io, `${machine.cores} cores (${machine.cpu}), ${machine.memoryGiB} GiB, ${machine.os}, node ${node}`)
  printLine(io, `${routes} routes; medians of ${rounds} runs, interleaved; the load, nats-server and the responder run`)
  printLine(io, 'on the same cores')
  if (report.unary.length > 0) {
    printLine(io, `\nSmall requests, runs of ${seconds} s:\n`)
    printTable(io, UNARY_HEAD, unaryRows(report))
    for (const { connections, rpsOfCeiling, cpuOfCeiling, rpsOfFastify } of report.ratios) {
      printLine(io, `\nrouter at ${connections}: ${rpsOfCeiling} of the ceiling's rate at ${cpuOfCeiling} of its CPU,`)
      printLine(io, `${rpsOfFastify} times fastify + nc.request`)
    }
  }
  const { telemetryCost } = report
  if (telemetryCost !== undefined) {
    printLine(io, `\nMetrics and tracing, small requests over 64 connections, runs of ${seconds} s:\n`)
    printTable(io, TELEMETRY_HEAD, telemetryRows(report))
    const { metrics, metricsBar, sampled, sampledBar } = telemetryCost
    printLine(io, `\nmetrics take ${percent(metrics)} of the rate, where ${percent(metricsBar)} is the bar;`)
    printLine(io, `with a span of every request ${percent(sampled)}, where ${percent(sampledBar)} is`)
  }
  const { policyCost, signatures } = report
  if (policyCost !== undefined) {
    printLine(io, `\nPolicies, small requests over 64 connections with one token, runs of ${seconds} s:\n`)
    printTable(io, POLICIES_HEAD, policyRows(report))
    printLine(
      io,
      `\njwt and rateLimit take ${percent(policyCost.rate)} of the rate, where ${percent(policyCost.bar)} is the bar;`,
    )
    const first = signatures.map(({ algorithm, cpuUs }) => `${algorithm} ${cpuUs} us`).join(', ')
    printLine(io, `the first request with a token takes its signature besides, of CPU: ${first}`)
  }
  if (report.streams.length > 0) {
    printLine(io, '\nDownloads, 512 MiB in all:\n')
    printTable(io, STREAMS_HEAD, streamRows(report))
  }
  if (report.webSockets.length > 0) {
    printLine(io, `\nSmall requests over WebSockets, runs of ${seconds} s:\n`)
    printTable(io, WEB_SOCKETS_HEAD, webSocketRows(report))
  }
  if (report.idle.length > 0) {
    printLine(io, '\nConnections that say nothing, two runs, after garbage collection:\n')
    printTable(io, IDLE_HEAD, idleRows(report))
  }
}

function percent(part: number): string {
  return `${Math.round(part * 100)}%`
}

/** Progress on stderr: one line that is written over on a terminal, a line each elsewhere. */
function createStatus(io: Io): (line: string) => void {
  if (io.stderr.isTTY) return (line) => void io.stderr.write(`\r\x1b[K${line}`)
  return (line) => void (line !== '' && io.stderr.write(`${line}\n`))
}

function number(args: VerbArgs, name: string, otherwise: string): number {
  const value = Number(args.options[name] ?? otherwise)
  if (!Number.isInteger(value) || value < 1 || value > 100_000) throw new UsageError(`--${name} takes a number from 1`)
  return value
}

const PARTS: ReadonlySet<string> = new Set(['unary', 'telemetry', 'policies', 'streams', 'websockets', 'idle'])

function partList(args: VerbArgs): ReadonlySet<string> {
  if (args.options.only === undefined) return PARTS
  const parts = new Set(String(args.options.only).split(','))
  for (const part of parts) {
    if (!PARTS.has(part)) throw new UsageError(`--only takes ${[...PARTS].join(',')}; there is no ${part}`)
  }
  return parts
}

function list(args: VerbArgs, name: string, otherwise: string): number[] {
  const values = String(args.options[name] ?? otherwise)
    .split(',')
    .map(Number)
  if (values.some((value) => !Number.isInteger(value) || value < 1)) throw new UsageError(`--${name} takes 1,64,256`)
  return values
}
