import type { BufferBudget } from '../../exchange/buffer-budget.ts'
import type { DeadlineWheel } from '../../exchange/deadline-wheel.ts'
import type { ExchangeError } from '../../exchange/errors.ts'
import type { RequestHead } from '../../exchange/exchange.ts'
import type { LimitObserver } from '../../exchange/limit.ts'
import type { ExchangeObserver } from '../../exchange/observer.ts'
import type { FlushQueue } from '../flush-queue.ts'
import type { HeadLimits } from '../http/over-limit.ts'
import type { MessageRateLimits } from '../message-rate.ts'

/** The routing table, as far as a session asks it. */
export interface MuxRouting {
  /** Sets `route` and `subject` of the request; gives the error if it has none. */
  resolve(request: RequestHead, kind: 'http' | 'ws'): ExchangeError | undefined
}

/** What the sessions of one listener share. */
export interface MuxParts extends HeadLimits {
  readonly routing: MuxRouting
  readonly wheel: DeadlineWheel
  readonly observer: ExchangeObserver
  readonly limitObserver: LimitObserver
  readonly buffers: BufferBudget
  readonly messageRate: MessageRateLimits
  readonly makeRequestId: () => string
  /** Open at once on one connection. */
  readonly maxExchanges: number
  readonly flushes: FlushQueue
}
