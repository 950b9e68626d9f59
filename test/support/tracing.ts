import type { TestContext } from 'node:test'
import { context, propagation, type Tracer, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { startOtlpReceiver } from '../../src/telemetry/otlp-receiver.ts'
import { decodeSpans, type ReceivedSpan } from '../../src/telemetry/otlp-spans.ts'
import { eventually } from './eventually.ts'

/** Where the spans of a test go, over HTTP and as protobuf. */
export interface SpanCollector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string
  readonly spans: ReceivedSpan[]
  /** Waits for the one that it fits. */
  find(what: string, fits: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan>
}

export async function startSpanCollector(t: TestContext): Promise<SpanCollector> {
  const spans: ReceivedSpan[] = []
  const receiver = await startOtlpReceiver({
    host: '127.0.0.1',
    port: 0,
    onRequest: (request) => spans.push(...decodeSpans(request)),
  })
  t.after(() => receiver.close())
  return {
    url: `http://127.0.0.1:${receiver.port}`,
    spans,
    find: (what, fits) =>
      eventually(`${what} among ${spans.map(({ name }) => name).join(', ')}`, () => spans.find(fits)),
  }
}

/** Sets up OpenTelemetry in this process as the author of a backend would, and gives their tracer. */
export function setUpBackendTracing(t: TestContext, collector: SpanCollector): Tracer {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'backend' }),
    spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url: `${collector.url}/v1/traces` }))],
  })
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  t.after(async () => {
    await provider.shutdown()
    trace.disable()
    context.disable()
    propagation.disable()
  })
  return trace.getTracer('test backend')
}
