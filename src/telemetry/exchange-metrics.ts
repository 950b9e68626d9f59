import type { ExchangeError } from '../exchange/errors.ts'
import type { RequestHead } from '../exchange/exchange.ts'
import type { ExchangeObserver } from '../exchange/observer.ts'
import type { Kind } from '../exchange/route.ts'
import type { TransportObserver } from '../exchange/transport-observer.ts'
import type { MetricsWriter } from './metrics-writer.ts'
import { RouteSeries } from './route-series.ts'

/** The label of exchanges that matched no route. Not a legal route name, so never that of a route. */
const NO_ROUTE = '-'
/** A scrape has seen the last of a route by then, and its exchanges are mostly over. */
const GONE_AFTER_MS = 10 * 60_000

/**
 * Counts every exchange by route, kind and code. Labels come from the routing table alone, never from a client, and
 * those of a route that is gone are dropped in time: `forgetGone` is to be called at times.
 */
export class ExchangeMetrics implements ExchangeObserver, TransportObserver {
  readonly #series = new Map<string, RouteSeries>()
  #inFlight = 0
  #slowClients = 0

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
    this.#of(request.route?.name ?? NO_ROUTE).onEnded(request.kind, error?.code, durationMs, bytesIn, bytesOut)
  }

  refused(kind: Kind, error: ExchangeError): void {
    this.#of(NO_ROUTE).onEnded(kind, error.code, 0, 0, 0)
  }

  onFirstReply(route: string, roundTripMs: number): void {
    this.#of(route).roundTrips.observe(roundTripMs / 1000)
  }

  onHead(route: string, firstByteMs: number): void {
    this.#of(route).firstBytes.observe(firstByteMs / 1000)
  }

  onNoResponders(route: string): void {
    this.#of(route).noResponders++
  }

  onClientFull(route: string): void {
    this.#slowClients++
    this.#of(route).clientPauses++
  }

  onClientDrained(route: string, fullMs: number): void {
    this.#slowClients--
    this.#of(route).clientPausedMs += fullMs
  }

  /** Drops what was counted of routes that have been gone for a while. */
  forgetGone(isRoute: (name: string) => boolean, nowMs: number): void {
    for (const [name, series] of this.#series) {
      if (name === NO_ROUTE || isRoute(name)) series.goneSinceMs = undefined
      else if (series.goneSinceMs === undefined) series.goneSinceMs = nowMs
      else if (nowMs - series.goneSinceMs >= GONE_AFTER_MS) this.#series.delete(name)
    }
  }

  write(out: MetricsWriter): void {
    const routes = [...this.#series.values()]
    out.single('engine_router_exchanges_in_flight', 'gauge', 'Exchanges under way.', this.#inFlight)
    out.single('engine_router_slow_clients', 'gauge', 'Exchanges whose client takes no more now.', this.#slowClients)
    out.family('engine_router_exchanges_total', 'counter', 'Exchanges that are over, by code: ok or an error code.')
    for (const series of routes) series.writeExchanges(out)
    out.family('engine_router_exchange_duration_seconds', 'histogram', 'From the request head to the end.')
    for (const series of routes) series.writeDurations(out, 'engine_router_exchange_duration_seconds')
    out.family('engine_router_first_byte_seconds', 'histogram', 'From the request head to that of the response.')
    for (const { route, firstBytes } of routes) firstBytes.write(out, 'engine_router_first_byte_seconds', { route })
    out.family('engine_router_nats_round_trip_seconds', 'histogram', 'From a publish to the first reply.')
    for (const { route, roundTrips } of routes)
      roundTrips.write(out, 'engine_router_nats_round_trip_seconds', { route })
    const counter = (name: string, help: string, count: (series: RouteSeries) => number) => {
      out.family(name, 'counter', help)
      for (const series of routes) out.sample(name, { route: series.route }, count(series))
    }
    counter('engine_router_received_bytes_total', 'Body bytes from clients.', ({ bytesIn }) => bytesIn)
    counter('engine_router_sent_bytes_total', 'Body bytes to clients.', ({ bytesOut }) => bytesOut)
    counter('engine_router_no_responders_total', 'Requests that nobody listened to.', (series) => series.noResponders)
    counter('engine_router_gaps_total', 'Streams that lost a part.', ({ gaps }) => gaps)
    counter('engine_router_client_pauses_total', 'Times a client took no more.', ({ clientPauses }) => clientPauses)
    counter(
      'engine_router_client_paused_seconds_total',
      'For how long clients took no more.',
      ({ clientPausedMs }) => clientPausedMs / 1000,
    )
  }

  #of(route: string): RouteSeries {
    let series = this.#series.get(route)
    if (series === undefined) {
      series = new RouteSeries(route)
      this.#series.set(route, series)
    }
    return series
  }
}
