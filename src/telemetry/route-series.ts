import type { ErrorCode } from '../exchange/errors.ts'
import type { Kind } from '../exchange/route.ts'
import { Histogram } from './histogram.ts'
import type { MetricsWriter } from './metrics-writer.ts'

/** Upper bounds in seconds: from a round trip on one machine to the default timeout. */
const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Of the clients that speak one protocol: a route for HTTP may also be reached over a multiplexed connection. */
interface KindSeries {
  ok: number
  readonly failed: Map<ErrorCode, number>
  readonly durations: Histogram
}

/** What is counted of one route. */
export class RouteSeries {
  readonly route: string
  readonly firstBytes = new Histogram(BUCKETS_S)
  readonly roundTrips = new Histogram(BUCKETS_S)
  bytesIn = 0
  bytesOut = 0
  noResponders = 0
  clientPauses = 0
  clientPausedMs = 0
  /** Since when the routing table is known to do without it. */
  goneSinceMs: number | undefined
  readonly #kinds = new Map<Kind, KindSeries>()

  constructor(route: string) {
    this.route = route
  }

  get gaps(): number {
    let sum = 0
    for (const { failed } of this.#kinds.values()) sum += failed.get('gap') ?? 0
    return sum
  }

  /** @param code undefined: it ended well */
  onEnded(kind: Kind, code: ErrorCode | undefined, durationMs: number, bytesIn: number, bytesOut: number): void {
    let series = this.#kinds.get(kind)
    if (series === undefined) {
      series = { ok: 0, failed: new Map(), durations: new Histogram(BUCKETS_S) }
      this.#kinds.set(kind, series)
    }
    if (code === undefined) series.ok++
    else series.failed.set(code, (series.failed.get(code) ?? 0) + 1)
    series.durations.observe(durationMs / 1000)
    this.bytesIn += bytesIn
    this.bytesOut += bytesOut
  }

  writeExchanges(out: MetricsWriter): void {
    const { route } = this
    for (const [kind, { ok, failed }] of this.#kinds) {
      if (ok > 0) out.sample('engine_router_exchanges_total', { route, kind, code: 'ok' }, ok)
      for (const [code, count] of failed) out.sample('engine_router_exchanges_total', { route, kind, code }, count)
    }
  }

  writeDurations(out: MetricsWriter, name: string): void {
    for (const [kind, { durations }] of this.#kinds) durations.write(out, name, { route: this.route, kind })
  }
}
