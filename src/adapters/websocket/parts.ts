import type { BufferBudget } from '../../exchange/buffer-budget.ts'
import type { DeadlineWheel } from '../../exchange/deadline-wheel.ts'
import type { LimitObserver } from '../../exchange/limit.ts'
import type { ExchangeObserver } from '../../exchange/observer.ts'
import type { FlushQueue } from '../flush-queue.ts'
import type { MessageRateLimits } from '../message-rate.ts'
import type { WebConnections } from '../web-connections.ts'
import type { WebAdapterOwner } from '../web-listener.ts'
import type { ClientSocket } from './client-socket.ts'
import type { WritableQueue } from './writable-queue.ts'

/** What a WebSocket adapter is given and hands on to its connections. */
export interface GivenParts {
  readonly wheel: DeadlineWheel
  readonly observer: ExchangeObserver
  readonly connections: WebConnections
  readonly limitObserver: LimitObserver
  readonly buffers: BufferBudget
  readonly messageRate: MessageRateLimits
  /** For which a client may take nothing of what is sent. */
  readonly stallTimeoutMs: number
  /** Largest message that a client may send, where its route allows as much. */
  readonly maxMessageBytes: number
}

/** What the connections of one WebSocket adapter share. */
export interface WebSocketParts extends GivenParts {
  /** Connections, until all that was theirs is released. */
  readonly open: Set<ClientSocket>
  readonly writable: WritableQueue
  readonly flushes: FlushQueue
  readonly pingEveryMs: number
  /** For a backend to end its direction, once the client has closed. */
  readonly lingerMs: number
  /** Set once they listen. */
  owner: WebAdapterOwner | undefined
  /** Connections are numbered. */
  lastNumber: number
}
