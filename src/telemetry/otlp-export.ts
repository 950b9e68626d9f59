import { randomFillSync } from 'node:crypto'
import { type DiagLogFunction, DiagLogLevel, diag } from '@opentelemetry/api'
import type { IOtlpExportDelegate } from '@opentelemetry/otlp-exporter-base'
import type { Logger } from '../exchange/logger.ts'
import { CollectorHealth, reasonOf } from './collector-health.ts'
import { decodeExportResponse } from './otlp-spans.ts'
import type { SpanValues } from './recorded-span.ts'
import { createSampler } from './sampler.ts'
import { encodeSpanOrigin, SpanBatch } from './span-batch.ts'
import { SpanQueue } from './span-queue.ts'
import { createSpanRecorder, type SpanRecorder } from './span-recorder.ts'

/** How long the last spans may take on their way out, */
const CLOSE_TIMEOUT_MS = 5_000
/** and where those before them did not get through. */
const FAILING_CLOSE_TIMEOUT_MS = 500
/** Whose spans these are. */
const SCOPE = 'engine-router'

/** Where spans are made, from where they go to a collector. */
export interface OtlpExport {
  readonly recorder: SpanRecorder
  /** Sends what is there. Resolves also if that fails, or takes too long. */
  close(): Promise<void>
}

export interface OtlpExportOptions {
  readonly logger: Logger
  /** Unless `OTEL_SERVICE_NAME` says another. */
  readonly serviceName: string
}

/**
 * Spans by OTLP/HTTP, as `OTEL_*` of the process say: the one place that knows the SDK of OpenTelemetry, loaded only where
 * tracing is on. Spans are encoded as they end, wait in a queue of bounded length, and are dropped where it is full.
 */
export async function startOtlpExport({ logger, serviceName }: OtlpExportOptions): Promise<OtlpExport> {
  const [core, otlp, resources] = await Promise.all([
    import('@opentelemetry/core'),
    import('@opentelemetry/otlp-exporter-base/node-http'),
    import('@opentelemetry/resources'),
  ])
  const report = (message: string) => logger.warn({}, `tracing: ${message}`)
  const ignore: DiagLogFunction = () => {}
  // The process's: the SDK has no other way to say what it could not do.
  diag.setLogger({ error: report, warn: report, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN)
  const exporter = createExporter(otlp)
  const { exportTimeoutMs, sampler, limits, ...bounds } = readSettings(core)
  const origin = encodeSpanOrigin(describeProcess(resources, serviceName), SCOPE)
  const health = new CollectorHealth({ logger, now: () => performance.now() })
  const queue = new SpanQueue({
    ...bounds,
    createBatch: () => new SpanBatch(origin),
    async send(request, spans) {
      await exportSpans(exporter, { request, spans }, exportTimeoutMs)
      health.onTaken()
    },
    onLoss: (spans, cause) => health.onLost(spans, cause),
  })
  return {
    recorder: createSpanRecorder({ sampler, limits, randomFill: randomFillSync, onEnd: (span) => queue.push(span) }),
    async close() {
      const timeoutMs = health.isFailing ? FAILING_CLOSE_TIMEOUT_MS : CLOSE_TIMEOUT_MS
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`not sent within ${timeoutMs} ms`)), timeoutMs)
      })
      try {
        await Promise.race([queue.flush(), late])
      } catch (error) {
        logger.warn({}, `tracing: the last spans are lost: ${reasonOf(error)}`)
      } finally {
        clearTimeout(timer)
        diag.disable()
      }
    },
  }
}

/** Names and defaults as in the specification of OpenTelemetry's environment variables. */
function readSettings({ getNumberFromEnv: number, getStringFromEnv: text }: typeof import('@opentelemetry/core')) {
  const maxSize = number('OTEL_BSP_MAX_QUEUE_SIZE') ?? 2048
  const limit = (name: string) => number(`OTEL_SPAN_${name}`) ?? number(`OTEL_${name}`)
  return {
    delayMs: number('OTEL_BSP_SCHEDULE_DELAY') ?? 5000,
    exportTimeoutMs: number('OTEL_BSP_EXPORT_TIMEOUT') ?? 30_000,
    maxBatchSize: Math.min(maxSize, number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE') ?? 512),
    maxSize,
    sampler: createSampler(text('OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on', text('OTEL_TRACES_SAMPLER_ARG')),
    limits: {
      attributes: limit('ATTRIBUTE_COUNT_LIMIT') ?? 128,
      characters: limit('ATTRIBUTE_VALUE_LENGTH_LIMIT') ?? Number.POSITIVE_INFINITY,
      events: number('OTEL_SPAN_EVENT_COUNT_LIMIT') ?? 128,
    },
  }
}

/** What the environment says of it, and an id of this process. */
function describeProcess(resources: typeof import('@opentelemetry/resources'), serviceName: string): SpanValues {
  const { envDetector, serviceInstanceIdDetector } = resources
  const { attributes } = resources
    .resourceFromAttributes({ 'service.name': serviceName })
    .merge(resources.detectResources({ detectors: [serviceInstanceIdDetector, envDetector] }))
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)]))
}

interface EncodedSpans {
  readonly request: Uint8Array
  readonly spans: number
}

type Exporter = IOtlpExportDelegate<EncodedSpans>

/** The exporter of the SDK, as its variables say, for spans that are encoded already. */
function createExporter(otlp: typeof import('@opentelemetry/otlp-exporter-base/node-http')): Exporter {
  const headers = { 'Content-Type': 'application/x-protobuf' }
  return otlp.createOtlpHttpExportDelegate(
    otlp.convertLegacyHttpOptions({}, 'TRACES', 'v1/traces', headers),
    { serializeRequest: ({ request }: EncodedSpans) => request, deserializeResponse: decodeExportResponse },
    'otlp_http_span_exporter',
    { name: 'span', countItems: ({ spans }) => spans },
    undefined,
  )
}

function exportSpans(exporter: Exporter, encoded: EncodedSpans, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the collector took more than ${timeoutMs} ms`)), timeoutMs)
    exporter.export(encoded, ({ code, error }) => {
      clearTimeout(timer)
      if (code === 0) resolve()
      else reject(error ?? new Error('the collector did not take them'))
    })
  })
}
