import type { MetricSamples } from './metric-samples.ts'

/** What one route did between two scrapes. */
export interface RouteActivity {
  readonly route: string
  readonly exchangesPerSecond: number
  /** Of them, those that failed for another reason than that their client left. */
  readonly failedPerSecond: number
  /** Upper bounds, of the time to the first byte; undefined: there was none, or it is beyond the last bucket. */
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
  readonly bytesInPerSecond: number
  readonly bytesOutPerSecond: number
}

/** What a router did between two scrapes, the busiest route first. */
export interface TopView {
  readonly ready: boolean
  readonly natsConnected: boolean
  readonly tableRevision: number
  readonly inFlight: number
  readonly slowClients: number
  readonly connections: { readonly http: number; readonly ws: number; readonly tcp: number }
  readonly cpuPercent: number
  readonly memoryBytes: number
  readonly lagMs: number
  readonly routes: readonly RouteActivity[]
}

const EXCHANGES = 'engine_router_exchanges_total'
const FIRST_BYTE = 'engine_router_first_byte_seconds_bucket'

export function createTopView(before: MetricSamples, after: MetricSamples, seconds: number): TopView {
  // A router that has started again counts from 0.
  const rate = (name: string, labels = {}) => Math.max(0, after.sum(name, labels) - before.sum(name, labels)) / seconds
  const now = (name: string, labels = {}) => after.sum(`engine_router_${name}`, labels)
  const quantileMs = (route: string, share: number) => {
    const inBucket = (le: string) => rate(FIRST_BYTE, { route, le })
    const wanted = inBucket('+Inf') * share
    const bound = after.labelValues(FIRST_BYTE, 'le').find((le) => inBucket(le) >= wanted)
    return wanted === 0 || bound === undefined || bound === '+Inf' ? undefined : Number(bound) * 1000
  }
  const routes = after.labelValues(EXCHANGES, 'route').map((route) => {
    const exchangesPerSecond = rate(EXCHANGES, { route })
    const fine = rate(EXCHANGES, { route, code: 'ok' }) + rate(EXCHANGES, { route, code: 'client_gone' })
    return {
      route,
      exchangesPerSecond,
      failedPerSecond: Math.max(0, exchangesPerSecond - fine),
      p50Ms: quantileMs(route, 0.5),
      p99Ms: quantileMs(route, 0.99),
      bytesInPerSecond: rate('engine_router_received_bytes_total', { route }),
      bytesOutPerSecond: rate('engine_router_sent_bytes_total', { route }),
    }
  })
  const natsConnected = now('nats_connected') === 1
  return {
    ready: natsConnected && now('draining') === 0,
    natsConnected,
    tableRevision: now('table_revision'),
    inFlight: now('exchanges_in_flight'),
    slowClients: now('slow_clients'),
    connections: {
      http: now('connections', { kind: 'http' }),
      ws: now('connections', { kind: 'ws' }),
      tcp: now('connections', { kind: 'tcp' }),
    },
    cpuPercent: rate('engine_router_cpu_seconds_total') * 100,
    memoryBytes: now('resident_memory_bytes'),
    lagMs: now('event_loop_lag_seconds', { quantile: '0.99' }) * 1000,
    routes: routes.sort((a, b) => b.exchangesPerSecond - a.exchangesPerSecond),
  }
}
