import type { RouteDocument } from '../../src/routing/spec.ts'
import type { Target } from './client.ts'

/** Subjects of the backend under test begin with this. */
export const PREFIX = 'sx'
/** A plain responder of the test's own. */
export const PLAIN_SUBJECT = 'plain.echo'
/** Of every route: how long a backend may take to accept. A test in which one is lost waits for it. */
export const ROUTE_TIMEOUT_MS = 4000
/** What the route `small` takes. */
export const SMALL_BYTES = 64 * 1024
/** What the route `whole` takes. */
export const WHOLE_BYTES = 4096

/** The routes of every router under test: their match by protocol, all else alike. */
export function routesFor(match: (target: Target) => RouteDocument['match']): RouteDocument[] {
  const stream = (target: Target, over: Partial<RouteDocument> = {}): RouteDocument => ({
    name: target,
    match: match(target),
    subject: `${PREFIX}.${target}`,
    body: 'stream',
    timeout: `${ROUTE_TIMEOUT_MS}ms`,
    limits: { bodyBytes: '64MiB' },
    ...over,
  })
  return [
    ...(['echo', 'upload', 'slow', 'download', 'fail', 'nobody'] as const).map((target) => stream(target)),
    stream('small', { subject: `${PREFIX}.upload`, limits: { bodyBytes: `${SMALL_BYTES}B` } }),
    stream('whole', { subject: PLAIN_SUBJECT, body: 'whole', limits: { bodyBytes: `${WHOLE_BYTES}B` } }),
  ]
}
