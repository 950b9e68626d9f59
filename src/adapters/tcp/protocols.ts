import type { DeadlineWheel } from '../../exchange/deadline-wheel.ts'
import type { ExchangeError } from '../../exchange/errors.ts'
import type { RequestHead } from '../../exchange/exchange.ts'
import type { LimitObserver } from '../../exchange/limit.ts'
import type { Logger } from '../../exchange/logger.ts'
import type { ExchangeObserver } from '../../exchange/observer.ts'
import type { ConnectMux } from '../mux/mux.ts'
import type { TcpProtocol } from './adapter.ts'
import { BytesFraming } from './bytes-framing.ts'
import type { Framing } from './framing.ts'
import { LineFraming } from './line-framing.ts'
import { MuxTcpConnection } from './mux-connection.ts'
import { OccasionalWarning } from './occasional-warning.ts'
import { RawConnection } from './raw-connection.ts'
import { U32Framing } from './u32-framing.ts'

const FRAMINGS: Readonly<Record<'none' | 'line' | 'u32', (maxMessageBytes: number) => Framing>> = {
  none: () => new BytesFraming(),
  line: () => new LineFraming(),
  u32: (maxMessageBytes) => new U32Framing(maxMessageBytes),
}

export interface RawProtocolOptions {
  /** The name, for the log. */
  readonly route: string
  /** Sets the route and subject of a request, or says why there is none. */
  readonly resolve: (request: RequestHead) => ExchangeError | undefined
  readonly framing: keyof typeof FRAMINGS
  /** 0: no limit. */
  readonly idleTimeoutMs: number
  readonly wheel: DeadlineWheel
  readonly observer: ExchangeObserver
  readonly limitObserver: LimitObserver
  /** For which a client may take nothing of what is sent. */
  readonly stallTimeoutMs: number
  readonly makeRequestId: () => string
  readonly logger: Logger
}

/** Each connection is one exchange on one route. */
export function rawProtocol(options: RawProtocolOptions): TcpProtocol {
  const { route, resolve, framing, idleTimeoutMs, wheel, observer, makeRequestId, logger } = options
  const { limitObserver, stallTimeoutMs } = options
  const missing = new OccasionalWarning(
    logger,
    () => wheel.now(),
    'a connection was reset: the table has no tcp route of the name that its listener has',
  )
  const shared = {
    resolve,
    createFraming: FRAMINGS[framing],
    idleTimeoutMs,
    wheel,
    observer,
    limitObserver,
    stallTimeoutMs,
    makeRequestId,
    onNoRoute: () => missing.warn({ route }),
  }
  return (connections) => {
    const parts = { ...shared, connections }
    return (channel) => void new RawConnection(parts, channel)
  }
}

export interface MuxProtocolOptions {
  readonly wheel: DeadlineWheel
  readonly limitObserver: LimitObserver
  /** For which a client may take nothing of what is sent. */
  readonly stallTimeoutMs: number
  readonly connect: ConnectMux
}

/** Each connection has many exchanges, on any route. */
export function muxProtocol(options: MuxProtocolOptions): TcpProtocol {
  return (connections) => {
    const parts = { ...options, connections }
    return (channel) => void new MuxTcpConnection(parts, channel)
  }
}
