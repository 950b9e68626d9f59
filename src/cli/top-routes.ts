import { alignColumns, createPaint } from './print.ts'
import type { RouteActivity } from './top-view.ts'
import type { Io } from './verb.ts'

/** The table of routes, under its head. */
export function routeLines(routes: readonly RouteActivity[], io: Io): string[] {
  return tableLines(
    ['ROUTE', 'PER S', 'FAILED', 'P50', 'P99', 'IN/S', 'OUT/S'],
    routes.map((route) => [
      route.route,
      route.exchangesPerSecond.toFixed(1),
      route.failedPerSecond.toFixed(1),
      milliseconds(route.p50Ms),
      milliseconds(route.p99Ms),
      kibibytes(route.bytesInPerSecond),
      kibibytes(route.bytesOutPerSecond),
    ]),
    io,
  )
}

/** Cut before it is painted: a cut must not go through a colour. A line that wraps would spoil the screen. */
export function tableLines(head: readonly string[], rows: readonly (readonly string[])[], io: Io): string[] {
  const columns = io.stdout.columns ?? 120
  const [first = '', ...lines] = alignColumns([head, ...rows]).map((line) => line.slice(0, columns))
  return [createPaint(io.stdout, io.env)('bold', first), ...lines]
}

/** The upper bound of a bucket. */
function milliseconds(boundMs: number | undefined): string {
  return boundMs === undefined ? '-' : `<${boundMs}ms`
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)}K`
}
