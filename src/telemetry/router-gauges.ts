import type { MetricsWriter } from './metrics-writer.ts'

/** What a router counts of itself at one moment. */
export interface RouterGauges {
  /** To the web listener: HTTP and WebSocket. */
  readonly connections: number
  readonly refusedConnections: number
  readonly tcpConnections: number
  readonly tcpRefusedConnections: number
  readonly webSockets: number
  /** Over HTTP, and WebSockets, which may yet begin some. */
  readonly webExchanges: number
  /** Whether requests are refused as there are too many, and how many were. */
  readonly shedding: boolean
  readonly shedExchanges: number
  /** Tokens in the inbox: each is an exchange that waits for NATS. */
  readonly natsExchanges: number
  readonly deadlines: number
  /** That wait since one end is slower than the other. */
  readonly bufferedBytes: number
  readonly lateMessages: number
  readonly natsConnected: boolean
  readonly natsReconnects: number
  /** Published, and not yet taken by the system. */
  readonly natsPendingBytes: number
  readonly routes: number
  readonly tableRevision: number
  /** Since the epoch; undefined: none is loaded yet. */
  readonly tableLoadedAtMs: number | undefined
  readonly quarantinedRoutes: number
  readonly draining: boolean
  /** By listener, since the epoch; undefined: no TLS. */
  readonly certificateExpiriesMs: Readonly<Record<string, number | undefined>>
}

export function writeRouterGauges(out: MetricsWriter, gauges: RouterGauges, nowMs: number): void {
  const { tableLoadedAtMs, webSockets } = gauges
  const connections = 'engine_router_connections'
  out.family(connections, 'gauge', 'Client connections open.')
  out.sample(connections, { kind: 'http' }, Math.max(0, gauges.connections - webSockets))
  out.sample(connections, { kind: 'ws' }, webSockets)
  out.sample(connections, { kind: 'tcp' }, gauges.tcpConnections)
  const refused = 'engine_router_refused_connections_total'
  out.family(refused, 'counter', 'Connections over the limit, by listener.')
  out.sample(refused, { listener: 'http' }, gauges.refusedConnections)
  out.sample(refused, { listener: 'tcp' }, gauges.tcpRefusedConnections)
  out.single('engine_router_shedding', 'gauge', '1 if there is too much to serve.', Number(gauges.shedding))
  out.single('engine_router_shed_total', 'counter', 'Requests refused as there was too much.', gauges.shedExchanges)
  out.single('engine_router_inbox_tokens', 'gauge', 'Exchanges that wait for NATS.', gauges.natsExchanges)
  out.single('engine_router_late_messages_total', 'counter', 'Replies after the end.', gauges.lateMessages)
  out.single('engine_router_buffered_bytes', 'gauge', 'That wait for a slow end.', gauges.bufferedBytes)
  out.single('engine_router_nats_connected', 'gauge', '1 if NATS is connected.', Number(gauges.natsConnected))
  out.single('engine_router_nats_reconnects_total', 'counter', 'Times that NATS came back.', gauges.natsReconnects)
  out.single('engine_router_nats_pending_bytes', 'gauge', 'To NATS, not yet written.', gauges.natsPendingBytes)
  out.single('engine_router_routes', 'gauge', 'Routes in the table.', gauges.routes)
  out.single('engine_router_table_revision', 'gauge', 'Revision of the table.', gauges.tableRevision)
  if (tableLoadedAtMs !== undefined) {
    const ageSeconds = (nowMs - tableLoadedAtMs) / 1000
    out.single('engine_router_table_age_seconds', 'gauge', 'Since the table was loaded.', ageSeconds)
  }
  out.single('engine_router_quarantined_routes', 'gauge', 'Rows that do not parse.', gauges.quarantinedRoutes)
  out.single('engine_router_draining', 'gauge', '1 if the router is about to stop.', Number(gauges.draining))
  const expiry = 'engine_router_certificate_expiry_timestamp_seconds'
  out.family(expiry, 'gauge', 'When the certificate of a listener expires, since the epoch.')
  for (const [listener, expiresAtMs] of Object.entries(gauges.certificateExpiriesMs)) {
    if (expiresAtMs !== undefined) out.sample(expiry, { listener }, expiresAtMs / 1000)
  }
}
