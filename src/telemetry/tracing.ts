import type { Dispatch, RequestHead } from '../exchange/exchange.ts'
import type { ExchangeObserver } from '../exchange/observer.ts'
import type { Route } from '../exchange/route.ts'
import { ExchangeSpan, isKnownMethod } from './exchange-span.ts'
import type { SharedAttributes } from './recorded-span.ts'
import { shareAttributes } from './span-batch.ts'
import type { SpanRecorder } from './span-recorder.ts'
import { remoteParent } from './trace-context.ts'
import { TracedBackend, TracedClient } from './traced-sides.ts'

/** A route as its spans name it. */
export interface TracedRoute {
  readonly name: Route['name']
  /** The pattern of its path; undefined for `tcp`. */
  readonly path: string | undefined
  /** The template of its subject. */
  readonly subject: string
}

/** A span for each exchange. Both parts are composed once, and only where tracing is on. */
export interface Tracing {
  /** What serves a route, with a span around it. */
  trace(route: TracedRoute, next: Dispatch): Dispatch
  /** Ends the spans, and makes those of requests that came to no route. Goes before observers that read `trace`. */
  readonly observer: ExchangeObserver
}

/** @param recorder whose spans these are, and where they go, is decided where it is made */
export function createTracing(recorder: SpanRecorder): Tracing {
  return {
    trace(route, next) {
      const nameOf = createSpanNames(route.path ?? route.name)
      const attributes = attributesOf(route)
      return (request, client) => {
        const span = new ExchangeSpan(recorder.start(nameOf(request), remoteParent(request.headers)))
        request.trace = span
        if (!span.isRecording) return next(request, client)
        span.describe(request, attributes)
        return new TracedBackend(span, next(request, new TracedClient(span, client)))
      }
    },
    observer: {
      begun() {},
      refused() {},
      ended(request, status, error, durationMs, bytesIn, bytesOut) {
        request.trace ??= traceRefused(recorder, request, durationMs)
        request.trace.onEnded(status, error, bytesIn, bytesOut)
      },
    },
  }
}

/** The span of an exchange that is over and never came to the dispatch of a route. */
function traceRefused(recorder: SpanRecorder, request: RequestHead, durationMs: number): ExchangeSpan {
  const { route } = request
  const name = spanName(request.method, route?.name)
  const span = new ExchangeSpan(recorder.start(name, remoteParent(request.headers), durationMs))
  if (span.isRecording) span.describe(request, route && shareAttributes({ 'engine_router.route': route.name }))
  return span
}

function attributesOf({ name, path, subject }: TracedRoute): SharedAttributes {
  return shareAttributes({
    'engine_router.route': name,
    ...(path !== undefined && { 'http.route': path }),
    'messaging.system': 'nats',
    'messaging.operation.type': 'send',
    'messaging.destination.template': subject,
  })
}

/** Makes each name once. */
function createSpanNames(target: string): (request: RequestHead) => string {
  const names = new Map<string, string>()
  return ({ method }) => {
    let name = names.get(method)
    if (name === undefined) {
      name = spanName(method, target)
      // A client can make up any number of others.
      if (isKnownMethod(method)) names.set(method, name)
    }
    return name
  }
}

/** As the semantic conventions have it: few, whatever clients ask for. A raw TCP connection has no method. */
function spanName(method: string, target: string | undefined): string {
  if (method === '') return target ?? 'tcp'
  const verb = isKnownMethod(method) ? method : 'HTTP'
  return target === undefined ? verb : `${verb} ${target}`
}
