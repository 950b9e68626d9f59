import { type DiagLogFunction, DiagLogLevel, diag, type Tracer } from '@opentelemetry/api'
import type { Logger } from '../exchange/logger.ts'

/** How long the last spans may take on their way out. */
const CLOSE_TIMEOUT_MS = 5_000

/** Where spans are made, from where they go to a collector. */
export interface OtlpExport {
  readonly tracer: Tracer
  /** Sends what is there. Resolves also if that fails, or takes too long. */
  close(): Promise<void>
}

export interface OtlpExportOptions {
  readonly logger: Logger
  /** Unless `OTEL_SERVICE_NAME` says another. */
  readonly serviceName: string
}

/**
 * Sets up the SDK of OpenTelemetry, as `OTEL_*` of the process say: the one place that knows it, loaded only where
 * tracing is on. Spans wait in a queue of bounded length for the next batch, and are dropped where it is full.
 */
export async function startOtlpExport({ logger, serviceName }: OtlpExportOptions): Promise<OtlpExport> {
  const [core, { BasicTracerProvider, BatchSpanProcessor }, { OTLPTraceExporter }, resources] = await Promise.all([
    import('@opentelemetry/core'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/resources'),
  ])
  const report = (message: string) => logger.warn({}, `tracing: ${message}`)
  const ignore: DiagLogFunction = () => {}
  // Both are the process's: the SDK has no other way to say what it could not do.
  diag.setLogger({ error: report, warn: report, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN)
  core.setGlobalErrorHandler((err) => logger.warn({ err }, 'tracing: spans were not sent'))
  const { envDetector, serviceInstanceIdDetector } = resources
  const provider = new BasicTracerProvider({
    resource: resources
      .resourceFromAttributes({ 'service.name': serviceName })
      .merge(resources.detectResources({ detectors: [serviceInstanceIdDetector, envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  })
  return {
    tracer: provider.getTracer('engine-router'),
    async close() {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`not sent within ${CLOSE_TIMEOUT_MS} ms`)), CLOSE_TIMEOUT_MS)
      })
      try {
        await Promise.race([provider.shutdown(), late])
      } catch (error) {
        logger.warn({ err: error }, 'tracing: the last spans are lost')
      } finally {
        clearTimeout(timer)
        diag.disable()
        core.setGlobalErrorHandler(core.loggingErrorHandler())
      }
    },
  }
}
