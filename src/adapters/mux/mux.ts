import { FlushQueue } from '../flush-queue.ts'
import type { MuxParts } from './mux-parts.ts'
import { MuxSession } from './mux-session.ts'
import type { MuxConnection, MuxPeer, MuxSocket } from './mux-socket.ts'

const DEFAULT_MAX_EXCHANGES = 100

export interface MuxOptions extends Omit<MuxParts, 'flushes' | 'maxExchanges'> {
  /** Open at once on one connection; one more gets `busy`. Default 100. */
  readonly maxExchanges?: number
}

/** Begins the session of a connection. */
export type ConnectMux = (peer: MuxPeer, socket: MuxSocket) => MuxConnection

/** Many exchanges over one connection, for any number of connections (docs/mux.md). */
export function createMux(options: MuxOptions): ConnectMux {
  const parts: MuxParts = {
    ...options,
    maxExchanges: options.maxExchanges ?? DEFAULT_MAX_EXCHANGES,
    flushes: new FlushQueue(),
  }
  return (peer, socket) => new MuxSession(parts, peer, socket)
}
