import type { DeadlineWheel } from '../../exchange/deadline-wheel.ts'
import type { ExchangeObserver } from '../../exchange/observer.ts'
import type { WebConnections } from '../web-connections.ts'
import type { HttpExchange } from './http-exchange.ts'

/** What the exchanges of one HTTP listener share. */
export interface HttpAdapterParts {
  readonly wheel: DeadlineWheel
  readonly observer: ExchangeObserver
  readonly connections: WebConnections
  /** Exchanges under way. */
  readonly open: Set<HttpExchange>
  /** No new work: each response is the last on its connection. */
  draining: boolean
  /** Called whenever the last open exchange has closed. */
  onIdle: (() => void) | undefined
}
