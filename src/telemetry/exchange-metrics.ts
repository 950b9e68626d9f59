import type { ErrorCode, ExchangeError } from '../exchange/errors.ts'
import type { RequestHead } from '../exchange/exchange.ts'
import type { ExchangeObserver } from '../exchange/observer.ts'
import { Histogram } from './histogram.ts'
import type { MetricsWriter } from './metrics-writer.ts'

/** The label of exchanges that matched no route. Not a legal route name, so never that of a route. */
const NO_ROUTE = '-'

/** Upper bounds in seconds: from a round trip on one machine to the default timeout. */
const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

interface RouteSeries {
  readonly route: string
  readonly kind: string
  ok: number
  readonly failed: Map<ErrorCode, number>
  readonly durations: Histogram
  bytesIn: number
  bytesOut: number
}

/** Counts every exchange by route, kind and code. Labels come from the routing table alone, never from a client. */
export class ExchangeMetrics implements ExchangeObserver {
  readonly #series = new Map<string, RouteSeries>()
  #inFlight = 0

  begun(): void {
    this.#inFlight++
  }

  ended(
    request: RequestHead,
    _status: number,
    error: ExchangeError | undefined,
    durationMs: number,
    bytesIn: number,
    bytesOut: number,
  ): void {
    this.#inFlight--
    const series = this.#seriesOf(request)
    if (error === undefined) series.ok++
    else series.failed.set(error.code, (series.failed.get(error.code) ?? 0) + 1)
    series.durations.observe(durationMs / 1000)
    series.bytesIn += bytesIn
    series.bytesOut += bytesOut
  }

  write(out: MetricsWriter): void {
    out.family('engine_router_exchanges_in_flight', 'gauge', 'Exchanges under way.')
    out.sample('engine_router_exchanges_in_flight', {}, this.#inFlight)
    out.family('engine_router_exchanges_total', 'counter', 'Exchanges that are over, by code: ok or an error code.')
    for (const { route, kind, ok, failed } of this.#series.values()) {
      if (ok > 0) out.sample('engine_router_exchanges_total', { route, kind, code: 'ok' }, ok)
      for (const [code, count] of failed) out.sample('engine_router_exchanges_total', { route, kind, code }, count)
    }
    out.family('engine_router_exchange_duration_seconds', 'histogram', 'From the request head to the end.')
    for (const { route, kind, durations } of this.#series.values()) {
      durations.write(out, 'engine_router_exchange_duration_seconds', { route, kind })
    }
    out.family('engine_router_received_bytes_total', 'counter', 'Body bytes from clients.')
    for (const { route, bytesIn } of this.#series.values()) {
      out.sample('engine_router_received_bytes_total', { route }, bytesIn)
    }
    out.family('engine_router_sent_bytes_total', 'counter', 'Body bytes to clients.')
    for (const { route, bytesOut } of this.#series.values()) {
      out.sample('engine_router_sent_bytes_total', { route }, bytesOut)
    }
  }

  #seriesOf(request: RequestHead): RouteSeries {
    const name = request.route?.name ?? NO_ROUTE
    let series = this.#series.get(name)
    if (series === undefined) {
      series = {
        route: name,
        kind: request.kind,
        ok: 0,
        failed: new Map(),
        durations: new Histogram(DURATION_BUCKETS_S),
        bytesIn: 0,
        bytesOut: 0,
      }
      this.#series.set(name, series)
    }
    return series
  }
}
