import type { ConnectionLimits } from './adapters/connection-limits.ts'
import type { ConnectMux } from './adapters/mux/mux.ts'
import { startTcpAdapter, type TcpAdapter } from './adapters/tcp/adapter.ts'
import { muxProtocol, rawProtocol } from './adapters/tcp/protocols.ts'
import type { TcpListener } from './config/router-config.ts'
import type { ClientConnection, ConnectionPosition } from './exchange/client-connection.ts'
import type { DeadlineWheel } from './exchange/deadline-wheel.ts'
import type { LimitObserver } from './exchange/limit.ts'
import type { Logger } from './exchange/logger.ts'
import type { ExchangeObserver } from './exchange/observer.ts'
import { createNamedRouting } from './routing/dispatch.ts'
import type { RouteTable } from './routing/table.ts'

export interface TcpListenersOptions {
  readonly listeners: readonly TcpListener[]
  readonly table: () => RouteTable | undefined
  readonly connectMux: ConnectMux
  readonly limits: ConnectionLimits
  readonly limitObserver: LimitObserver
  /** For which a client may take nothing of what is sent. */
  readonly stallTimeoutMs: number
  readonly wheel: DeadlineWheel
  readonly observer: ExchangeObserver
  readonly makeRequestId: () => string
  readonly logger: Logger
}

/** All of `listen.tcp`. */
export interface TcpListeners {
  /** In the order of the configuration. */
  readonly ports: readonly number[]
  /** Connections open. */
  readonly connections: number
  /** Connections reset because there were too many. */
  readonly refusedConnections: number
  /**
   * When the certificate of each expires, since the epoch; undefined: no TLS. `tcp0` is the first of the configuration,
   * as in the ids of its connections.
   */
  readonly certificateExpiriesMs: Readonly<Record<string, number | undefined>>
  /** Those open, listener by listener. @param after where the list begins; undefined: at the beginning */
  list(after?: ConnectionPosition): Iterable<ClientConnection>
  /** Takes no new connections, finishes what is under way within `timeoutMs`, cuts the rest, closes. */
  drain(timeoutMs: number): Promise<void>
  /** Cuts everything at once. */
  close(): void
}

/** Listens on every port, or on none: rejects with the first error. */
export async function startTcpListeners(options: TcpListenersOptions): Promise<TcpListeners> {
  const adapters: TcpAdapter[] = []
  const close = () => {
    for (const adapter of adapters) adapter.close()
  }
  try {
    for (const listener of options.listeners) {
      const protocol = listener.protocol === 'mux' ? mux(options) : raw(listener, options)
      const { limits, limitObserver: observer, wheel, logger } = options
      adapters.push(await startTcpAdapter({ ...listener, limits, observer, wheel, logger, protocol }))
    }
  } catch (error) {
    close()
    throw error
  }
  return {
    ports: adapters.map(({ port }) => port),
    get connections() {
      return adapters.reduce((sum, { connections }) => sum + connections, 0)
    },
    get refusedConnections() {
      return adapters.reduce((sum, { refusedConnections }) => sum + refusedConnections, 0)
    },
    get certificateExpiriesMs() {
      return Object.fromEntries(
        adapters.map(({ certificateExpiresAtMs }, index) => [`tcp${index}`, certificateExpiresAtMs]),
      )
    },
    *list(after) {
      const { listener: first = 0, number = 0 } = after ?? {}
      for (const [index, adapter] of adapters.entries()) {
        if (index >= first) yield* adapter.list(`tcp${index}-`, index === first ? number : 0)
      }
    },
    async drain(timeoutMs) {
      await Promise.all(adapters.map((adapter) => adapter.drain(timeoutMs)))
    },
    close,
  }
}

function mux({ wheel, limitObserver, stallTimeoutMs, connectMux }: TcpListenersOptions) {
  return muxProtocol({ wheel, limitObserver, stallTimeoutMs, connect: connectMux })
}

function raw(listener: TcpListener, options: TcpListenersOptions) {
  const { framing, idleTimeoutMs } = listener
  const { table, wheel, observer, limitObserver, stallTimeoutMs, makeRequestId, logger } = options
  // There for every raw listener: the schema asks for it.
  const route = listener.route!
  const { resolve } = createNamedRouting(table, route)
  return rawProtocol({
    route,
    resolve,
    framing,
    idleTimeoutMs,
    wheel,
    observer,
    limitObserver,
    stallTimeoutMs,
    makeRequestId,
    logger,
  })
}
