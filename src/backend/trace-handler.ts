import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api'
import { ExchangeError } from '../exchange/errors.ts'
import type { BackendExchange } from './exchange.ts'
import type { ExchangeHandler } from './handler.ts'

const HEADERS: TextMapGetter<Headers> = {
  get: (headers, name) => headers.get(name) ?? undefined,
  keys: (headers) => [...headers.keys()],
}

/**
 * A span around each run of the handler: a child of the router's, and the parent of those that the handler makes. Who
 * makes and sends spans is the program's to set up, as for any library that uses the API of OpenTelemetry; without that
 * there are none.
 * @param subject that the handler is registered for
 */
export function traceHandler(subject: string, handler: ExchangeHandler): ExchangeHandler {
  const name = `process ${subject}`
  return (x) => {
    // Not the active context: that is whatever it was when the connection to NATS was made.
    const parent = propagation.extract(ROOT_CONTEXT, x.request.headers, HEADERS)
    const span = trace.getTracer('engine-router/backend').startSpan(name, { kind: SpanKind.SERVER }, parent)
    const own = trace.setSpan(parent, span)
    if (!span.isRecording()) return context.with(own, handler, undefined, x)
    describe(span, x, subject)
    return record(span, own, handler, x)
  }
}

/** Notes on the span of the running handler what it threw, where that goes no further. */
export function recordThrown(error: unknown): void {
  trace.getActiveSpan()?.recordException(error instanceof Error ? error : String(error))
}

async function record(span: Span, own: Context, handler: ExchangeHandler, x: BackendExchange): Promise<void> {
  try {
    await context.with(own, handler, undefined, x)
    if (x.signal.aborted) onReset(span, x.signal.reason)
    else onAnswered(span, x.status ?? 200)
  } catch (error) {
    // After a reset it is most likely the reset that it threw.
    if (x.signal.aborted) onReset(span, x.signal.reason)
    else {
      span.recordException(error instanceof Error ? error : String(error))
      fail(span, 'backend_error')
    }
    throw error
  } finally {
    span.end()
  }
}

function describe(span: Span, { request }: BackendExchange, subject: string): void {
  const { method, path, route, requestId } = request
  span.setAttributes({
    'messaging.system': 'nats',
    'messaging.operation.type': 'process',
    'messaging.destination.name': request.subject,
    'messaging.destination.template': subject,
  })
  // A plain NATS request has neither of these, and a raw TCP connection has no method.
  if (route !== '') span.setAttribute('engine_router.route', route)
  if (requestId !== '') span.setAttribute('engine_router.request_id', requestId)
  if (method !== '') span.setAttributes({ 'http.request.method': method, 'url.path': path })
}

function onAnswered(span: Span, status: number): void {
  span.setAttribute('http.response.status_code', status)
  if (status >= 500) fail(span, String(status))
}

function onReset(span: Span, reason: unknown): void {
  const code = reason instanceof ExchangeError ? reason.code : 'internal'
  if (code === 'client_gone') span.setAttribute('error.type', code)
  else fail(span, code)
}

function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type)
  span.setStatus({ code: SpanStatusCode.ERROR, message: type })
}
