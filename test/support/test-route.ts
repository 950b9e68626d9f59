import type { Route, RouteSettings } from '../../src/exchange/route.ts'

/** A route with the defaults of docs/routes.md. */
export function testRoute(over: Partial<Route> = {}): RouteSettings {
  return {
    name: 'test',
    kind: 'http',
    reply: 'single',
    body: 'whole',
    websocket: 'stream',
    timeoutMs: 10_000,
    idleTimeoutMs: 30_000,
    maxDurationMs: 0,
    maxBodyBytes: 10 * 1024 * 1024,
    noResponderRetries: undefined,
    holdMs: 0,
    forwardHeaders: 'all',
    ...over,
  }
}
