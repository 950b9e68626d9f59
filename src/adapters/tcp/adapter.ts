import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { ClientConnection } from '../../exchange/client-connection.ts'
import type { DeadlineWheel } from '../../exchange/deadline-wheel.ts'
import { ExchangeError } from '../../exchange/errors.ts'
import type { LimitObserver } from '../../exchange/limit.ts'
import type { Logger } from '../../exchange/logger.ts'
import { withoutMapping } from '../client-address.ts'
import type { ConnectionLimits } from '../connection-limits.ts'
import { MUX_HIGH_WATER_BYTES } from '../mux/mux-socket.ts'
import { TlsIdentity } from '../tls/tls-identity.ts'
import type { TlsOptions } from '../tls/tls-options.ts'
import type { Channel } from './channel.ts'
import { ConnectionLease } from './connection-lease.ts'
import { ConnectionSet } from './connection-set.ts'
import { Handshake } from './handshake.ts'
import { OccasionalWarning } from './occasional-warning.ts'

/** Finds a peer that is gone without a word, as after a power cut. */
const KEEP_ALIVE_AFTER_MS = 60_000
/** Connections that the system takes while we are busy. */
const BACKLOG = 1024

export interface TcpAdapterOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** With other processes; default: false. */
  readonly reusePort?: boolean | undefined
  readonly tls: TlsOptions | undefined
  /** How often to look whether the files of `tls` have changed; default: every 5 seconds. */
  readonly certificatePollMs?: number | undefined
  /** Connections begin with a PROXY header, and are reset if they do not. */
  readonly proxyProtocol: boolean
  /** One more is reset as soon as it is accepted. */
  readonly maxConnections: number
  /** Of all listeners together. */
  readonly limits: ConnectionLimits
  readonly observer: LimitObserver
  readonly wheel: DeadlineWheel
  readonly logger: Logger
  readonly protocol: TcpProtocol
}

/** Takes over connections that are ready, and keeps what it makes of each in the set until that is closed. */
export type TcpProtocol = (connections: ConnectionSet) => (channel: Channel) => void

export interface TcpAdapter {
  /** The port that it listens on. */
  readonly port: number
  /** Connections open. */
  readonly connections: number
  /** Connections reset because there were too many. */
  readonly refusedConnections: number
  /** When the certificate that new connections get expires, since the epoch; undefined: no TLS. */
  readonly certificateExpiresAtMs: number | undefined
  /**
   * Those open, by number.
   * @param prefix of their ids, this listener's own
   * @param after the number after which the list begins
   */
  list(prefix: string, after: number): Iterable<ClientConnection>
  /** Takes no new connections, finishes what is under way within `timeoutMs`, cuts the rest, closes. */
  drain(timeoutMs: number): Promise<void>
  /** Cuts everything at once. */
  close(): void
}

/** Listens on one port, whatever is spoken there; rejects with an error that says why not. */
export async function startTcpAdapter(options: TcpAdapterOptions): Promise<TcpAdapter> {
  const { wheel, logger, proxyProtocol } = options
  const now = () => wheel.now()
  const connections = new ConnectionSet()
  const accept = options.protocol(connections)
  const tls = options.tls && (await TlsIdentity.load(options.tls, logger, options.certificatePollMs))
  const handshake = {
    connections,
    wheel,
    observer: options.observer,
    onRefused: () => refused++,
    proxyProtocol,
    tls,
    proxyWarning: new OccasionalWarning(logger, now, 'a connection was reset: it has no PROXY header that can be read'),
    certificateWarning: new OccasionalWarning(
      logger,
      now,
      'a connection was reset: its client has no certificate that is let in',
    ),
    onReady: accept,
  }
  let refused = 0
  let open = 0
  const refuse = (socket: Socket) => {
    refused++
    // It has no owner that would hear of an error, which would end the process.
    socket.on('error', () => undefined)
    // A FIN would be the end of an answer that is empty.
    socket.resetAndDestroy()
  }
  const onConnection = (socket: Socket) => {
    // Empty if the client has gone already.
    const remote = withoutMapping(socket.remoteAddress ?? '')
    if (open >= options.maxConnections) {
      options.observer.onLimit('connections', remote)
      refuse(socket)
      return
    }
    const lease = new ConnectionLease(options.limits)
    // A proxy's own address says nothing: that of its client is to come.
    if (!lease.take(remote) || (!proxyProtocol && !lease.assign(remote))) {
      lease.release()
      refuse(socket)
      return
    }
    open++
    socket.once('close', () => {
      open--
      lease.release()
    })
    if (proxyProtocol || tls !== undefined) new Handshake(handshake, socket, remote, lease)
    else accept({ socket, raw: socket, remote, certificate: undefined })
  }
  const server = createServer(
    {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
      highWaterMark: MUX_HIGH_WATER_BYTES,
    },
    onConnection,
  )
  try {
    await listen(server, options)
  } catch (error) {
    tls?.close()
    throw error
  }
  const acceptWarning = new OccasionalWarning(logger, now, 'a connection cannot be accepted')
  server.on('error', (error) => acceptWarning.warn({ err: error }))
  const closed = new Promise<void>((resolve) => server.once('close', () => resolve()))

  const cut = () => {
    tls?.close()
    connections.stop(new ExchangeError('draining', 'the router stops'))
  }
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections.size
    },
    get refusedConnections() {
      return refused
    },
    get certificateExpiresAtMs() {
      return tls?.expiresAtMs
    },
    list: (prefix, after) => connections.connections(prefix, after),
    async drain(timeoutMs) {
      server.close()
      connections.drain(timeoutMs, now)
      await connections.empty(timeoutMs)
      cut()
      await closed
    },
    close() {
      server.close()
      cut()
    },
  }
}

function listen(server: Server, { host, port, reusePort = false }: TcpAdapterOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new Error(`cannot listen on ${host}:${port}: ${error.message}`, { cause: error }))
    })
    server.listen({ host, port, reusePort, backlog: BACKLOG }, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
}
