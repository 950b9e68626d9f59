import type { WebSocketAdapter } from './adapters/websocket/adapter.ts'
import type { AdminSource } from './admin/source.ts'
import type { MicroService } from './exchange/micro-service.ts'
import type { NatsLink } from './nats/connection.ts'
import { discoverServices } from './nats/discover-services.ts'
import type { Transports } from './nats/transports.ts'
import { SERVICE_NAME } from './operator-service.ts'
import type { TcpListeners } from './tcp-listeners.ts'

/** For micro services to tell of themselves. */
const DISCOVERY_MS = 500

export interface AdminSourceParts extends Pick<AdminSource, 'table' | 'drain'> {
  readonly webSockets: Pick<WebSocketAdapter, 'exchanges' | 'list'>
  readonly tcp: Pick<TcpListeners, 'connections' | 'list'>
  readonly transports: Pick<Transports, 'size' | 'list'>
  readonly link: NatsLink
  readonly inboxPrefix: string
}

/** What operators may see and do, of the parts of a router. */
export function createAdminSource(parts: AdminSourceParts): AdminSource {
  const { table, drain, webSockets, tcp, transports } = parts
  return {
    table,
    drain,
    get connectionCount() {
      return webSockets.exchanges + tcp.connections
    },
    *connections(after) {
      const isPastWebSockets = after?.listener !== undefined
      if (!isPastWebSockets) yield* webSockets.list(after?.number)
      yield* tcp.list(isPastWebSockets ? after : undefined)
    },
    get exchangeCount() {
      return transports.size
    },
    exchanges: transports.list,
    services: createServiceQuestion(parts.link, parts.inboxPrefix),
  }
}

/** Asks who there is over NATS, for all that want to know at a time at once. */
function createServiceQuestion(link: NatsLink, inboxPrefix: string): AdminSource['services'] {
  let asked: Promise<readonly MicroService[]> | undefined
  return () => {
    const { client, connected } = link
    if (client === undefined || !connected) return undefined
    asked ??= discoverServices(client, { inboxPrefix, timeoutMs: DISCOVERY_MS }).finally(() => {
      asked = undefined
    })
    // Routers are services too, and nobody's backend.
    return asked.then((services) => services.filter(({ name }) => name !== SERVICE_NAME))
  }
}
