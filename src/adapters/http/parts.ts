import type { BufferBudget } from '../../exchange/buffer-budget.ts'
import type { DeadlineWheel } from '../../exchange/deadline-wheel.ts'
import type { LimitObserver } from '../../exchange/limit.ts'
import type { ExchangeObserver } from '../../exchange/observer.ts'
import type { WebConnections } from '../web-connections.ts'
import type { HttpExchange } from './http-exchange.ts'
import type { TransferLimits } from './transfer-watch.ts'

/** What the exchanges of one HTTP listener share. */
export interface HttpAdapterParts {
  readonly wheel: DeadlineWheel
  readonly observer: ExchangeObserver
  readonly connections: WebConnections
  readonly limitObserver: LimitObserver
  readonly buffers: BufferBudget
  readonly transferLimits: TransferLimits
  /** Exchanges under way. */
  readonly open: Set<HttpExchange>
  /** No new work: each response is the last on its connection. */
  draining: boolean
  /** Called whenever the last open exchange has closed. */
  onIdle: (() => void) | undefined
}
