import { randomBytes } from 'node:crypto'
import { parseDurationMs } from '../exchange/units.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../telemetry/otlp-receiver.ts'
import { decodeSpans, type ReceivedSpan } from '../telemetry/otlp-spans.ts'
import { readCallRequest } from './call-request.ts'
import { CONFIG_OPTIONS, loadVerbConfig } from './config-options.ts'
import { listenerUrl } from './listener-url.ts'
import { createPaint, printJson, printLine } from './print.ts'
import { sendTraced } from './trace-request.ts'
import { renderTrace } from './trace-tree.ts'
import { type Io, UsageError, type Verb, type VerbArgs, VerbError } from './verb.ts'

const HOST = '127.0.0.1'
const DEFAULT_WAIT = '10s'
/** Where programs send their spans that are told no other place. */
const OTLP_PORT = 4318

export const verb: Verb = {
  usage: 'METHOD URL|PATH',
  options: {
    header: { type: 'string', short: 'H', multiple: true, value: "'NAME: VALUE'", description: 'A header' },
    data: { type: 'string', short: 'd', value: 'BODY|@FILE', description: 'The body, or the file that holds it' },
    port: { type: 'string', value: 'PORT', description: `Where programs send their spans (default: ${OTLP_PORT})` },
    wait: { type: 'string', value: 'TIME', description: `How long to wait for spans (default: ${DEFAULT_WAIT})` },
    json: { type: 'boolean', description: 'Print one JSON document' },
    config: CONFIG_OPTIONS.config,
  },
  examples: [
    'engine-router trace GET /hello/world',
    `engine-router trace POST https://api.example.com/orders/eu -d '{"n":1}' --wait 30s`,
  ],
  async run(args, io) {
    const waitMs = parseDurationMs(typeof args.options.wait === 'string' ? args.options.wait : DEFAULT_WAIT)
    if (waitMs === undefined) throw new UsageError(`--wait ${args.options.wait}: expected a time such as 10s`)
    const port = readPort(args.options.port)
    const request = await readCallRequest(args, io)
    const url = await readUrl(args, io)

    const spans: ReceivedSpan[] = []
    const traceId = randomBytes(16).toString('hex')
    const { promise: complete, resolve: onComplete } = Promise.withResolvers<void>()
    const receiver = await listen(port, (more) => {
      spans.push(...more.filter((span) => span.traceId === traceId))
      if (isComplete(spans)) onComplete()
    })
    try {
      const signal = AbortSignal.any([io.signal, AbortSignal.timeout(waitMs)])
      const client = await sendTraced(url, request, traceId, signal).catch((error) => {
        io.signal.throwIfAborted()
        throw error
      })
      await within(waitMs, complete, io.signal)
      print(client, spans, args, io)
      if (spans.length === 0) reportNoSpans(io, port)
      return spans.some(({ parentSpanId }) => parentSpanId === client.spanId) ? 0 : 1
    } finally {
      receiver.close()
    }
  },
}

/** The router's span and one below it: a batch has what a handler did before the span of the handler itself. */
function isComplete(spans: readonly ReceivedSpan[]): boolean {
  return spans.some(({ parentSpanId }) => spans.some(({ spanId }) => spanId === parentSpanId))
}

function readPort(option: VerbArgs['options'][string]): number {
  if (option === undefined) return OTLP_PORT
  const port = typeof option === 'string' && /^\d{1,5}$/.test(option) ? Number(option) : Number.NaN
  if (!(port <= 65_535)) throw new UsageError(`--port ${option}: expected a port`)
  return port
}

/** A path is one of the router that the settings of this machine speak of. */
async function readUrl(args: VerbArgs, io: Io): Promise<string> {
  const target = args.positionals[1] ?? ''
  if (!target.startsWith('/')) return target
  // Without --port, which is not the router's here.
  const { listen } = await loadVerbConfig({ ...args, options: { config: args.options.config } }, io)
  return listenerUrl(listen.http).origin + target
}

async function listen(port: number, onSpans: (spans: readonly ReceivedSpan[]) => void): Promise<OtlpReceiver> {
  return await startOtlpReceiver({ host: HOST, port, onRequest: (request) => onSpans(decodeSpans(request)) }).catch(
    (cause: Error) => {
      throw new VerbError(
        `cannot take spans on ${HOST}:${port}: ${cause.message}. If a collector runs there, look for the trace in it, or ` +
          'give another port with --port and send the spans there',
        { cause },
      )
    },
  )
}

function print(client: ReceivedSpan, spans: readonly ReceivedSpan[], { options }: VerbArgs, io: Io): void {
  if (options.json === true) {
    printJson(io, { traceId: client.traceId, spans: [client, ...spans].map(toJson) })
    return
  }
  printLine(io, `trace ${client.traceId}`)
  for (const line of renderTrace(client, spans, createPaint(io.stdout, io.env))) printLine(io, line)
}

/** JSON has no integers of this size. */
function toJson({ startNs, endNs, events, ...span }: ReceivedSpan) {
  const ownEvents = events.map(({ timeNs, ...event }) => ({ ...event, timeNs: String(timeNs) }))
  return { ...span, startNs: String(startNs), endNs: String(endNs), events: ownEvents }
}

function reportNoSpans(io: Io, port: number): void {
  const advice =
    `no spans came: start the router, and its backends, with OTEL_EXPORTER_OTLP_ENDPOINT=http://${HOST}:${port}, or ` +
    'all of it with engine-router dev --trace'
  io.stderr.write(`${createPaint(io.stderr, io.env)('red', 'error:')} ${advice}\n`)
}

/** Resolves with the promise, when time is up, or at Ctrl-C. */
async function within(timeoutMs: number, promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: over, resolve: onOver } = Promise.withResolvers<void>()
  const end = () => onOver()
  const timer = setTimeout(end, timeoutMs)
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  await Promise.race([promise, over])
  clearTimeout(timer)
  signal.removeEventListener('abort', end)
}
