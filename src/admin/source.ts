import type { ClientConnection, ConnectionPosition } from '../exchange/client-connection.ts'
import type { MicroService } from '../exchange/micro-service.ts'
import type { OpenExchange } from '../exchange/open-exchange.ts'
import type { RouteSpec } from '../routing/spec.ts'

/** What the admin API shows and does; the router that it belongs to. */
export interface AdminSource {
  /** In the order of precedence; undefined: no table is loaded yet. */
  table(): { readonly revision: number; readonly specs: readonly RouteSpec[] } | undefined
  readonly connectionCount: number
  /** WebSockets and then TCP, listener by listener, by number. @param after where the list begins; undefined: at the beginning */
  connections(after?: ConnectionPosition): Iterable<ClientConnection>
  readonly exchangeCount: number
  /** By number. @param after the number after which the list begins */
  exchanges(after?: number): Iterable<OpenExchange>
  /** Undefined: NATS is not connected. */
  services(): Promise<readonly MicroService[]> | undefined
  /** Begins to stop the router, as SIGTERM does. */
  drain(): void
}
