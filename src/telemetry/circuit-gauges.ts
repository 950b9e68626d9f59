import type { MetricsWriter } from './metrics-writer.ts'

/** Of each route with a circuit breaker, whether it is open; of several on one route, whether any is. */
export function writeCircuits(
  out: MetricsWriter,
  circuits: Iterable<{ readonly route: string; readonly isOpen: boolean }>,
): void {
  const routes = new Map<string, boolean>()
  for (const { route, isOpen } of circuits) routes.set(route, isOpen || routes.get(route) === true)
  out.family('engine_router_circuit_open', 'gauge', '1 while the circuit of a route is open or half-open.')
  for (const [route, isOpen] of routes) out.sample('engine_router_circuit_open', { route }, Number(isOpen))
}
