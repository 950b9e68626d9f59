import type { HttpResponse, TemplatedApp, us_listen_socket } from 'uWebSockets.js'
import { ExchangeError } from '../exchange/errors.ts'
import type { Logger } from '../exchange/logger.ts'
import { addressText } from './client-address.ts'
import { loadUws } from './native.ts'
import { SpareCork } from './spare-cork.ts'
import { TlsIdentity } from './tls/tls-identity.ts'
import type { TlsOptions } from './tls/tls-options.ts'
import { WebClientCertificates } from './tls/web-client-certificates.ts'
import { plainApps, tlsApps, type WebApps } from './web-apps.ts'
import type { WebConnections } from './web-connections.ts'

/** A client protocol that begins as an HTTP request, and shares its port with the others of its kind. */
export interface WebAdapter {
  /** Exchanges under way, and connections that may yet begin some: what a drain waits for. */
  readonly exchanges: number
  /** Registers its handlers, and tells its owner what the app does not. Again for each app that serves the port. */
  attach(app: TemplatedApp, owner: WebAdapterOwner): void
  /** Takes no new work; what would never end by itself is to end within the time. */
  drain(timeoutMs: number): void
  /** Ends what is under way, now. */
  stop(error: ExchangeError): void
}

/** What a listener wants to hear of its adapters. */
export interface WebAdapterOwner {
  /** Of clients that may show one; undefined: none of them is asked. */
  readonly certificates: WebClientCertificates | undefined
  /** For what is upgraded outside of its handler. */
  readonly spareCork: SpareCork
  /** `exchanges` has come down to 0. */
  onIdle(): void
}

export interface WebListenerOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** With other processes; default: false. */
  readonly reusePort?: boolean | undefined
  readonly tls: TlsOptions | undefined
  /** How often to look whether the files of `tls` have changed; default: every 5 seconds. */
  readonly certificatePollMs?: number | undefined
  readonly logger: Logger
  readonly maxHeaderBytes: number
  readonly maxUriBytes: number
  /** Its own, which ends with it. */
  readonly connections: WebConnections
  readonly adapters: readonly WebAdapter[]
}

export interface WebListener {
  /** The port that it listens on. */
  readonly port: number
  /** Of all adapters. */
  readonly exchanges: number
  /** Connections open. */
  readonly connections: number
  /** Connections closed because there were too many. */
  readonly refusedConnections: number
  /** When the certificate that new connections get expires, since the epoch; undefined: no TLS. */
  readonly certificateExpiresAtMs: number | undefined
  /** Takes no new connections, finishes what is under way within `timeoutMs`, cuts the rest, closes. */
  drain(timeoutMs: number): Promise<void>
  /** Cuts everything at once. */
  close(): void
}

/**
 * In a drain, for kept-alive connections: a client that is between two requests has yet to read `connection: close`, and
 * would lose the next one.
 */
const LAST_REQUEST_MS = 1000

/** Listens on one port for all adapters, or throws an error that says why not. */
export async function startWebListener(options: WebListenerOptions): Promise<WebListener> {
  const { adapters, connections } = options
  const uws = await loadUws(options.maxHeaderBytes + options.maxUriBytes)
  const onConnection = (res: HttpResponse, change: number) => {
    if (change < 0) {
      connections.onClosed()
      onLess?.()
      return
    }
    const address = addressText(res.getRemoteAddress())
    // A request that comes puts its own in the place of this.
    if (connections.onOpened(address)) res.onAborted(() => connections.onUnused(address))
    else connections.refuse(() => res.close())
  }
  const countExchanges = () => adapters.reduce((sum, { exchanges }) => sum + exchanges, 0)
  /** An exchange or a connection less, for a drain. */
  let onLess: (() => void) | undefined
  const identity = options.tls && (await TlsIdentity.load(options.tls, options.logger, options.certificatePollMs))
  const spareCork = await SpareCork.open(uws).catch((error) => {
    identity?.close()
    throw error
  })
  const owner: WebAdapterOwner = {
    spareCork,
    certificates: certificatesOf(options.tls),
    onIdle() {
      onLess?.()
    },
  }
  const prepare = (app: TemplatedApp) => {
    app.filter(onConnection as Parameters<TemplatedApp['filter']>[0])
    for (const adapter of adapters) adapter.attach(app, owner)
  }
  let apps: WebApps
  let listening: us_listen_socket | undefined
  try {
    apps = identity === undefined ? plainApps(uws, prepare) : tlsApps(uws, identity, prepare)
    listening = await listen(apps.listener, options)
  } catch (error) {
    identity?.close()
    spareCork.close()
    throw error
  }
  const port = uws.us_socket_local_port(listening)

  const stopListening = () => {
    if (listening !== undefined) uws.us_listen_socket_close(listening)
    listening = undefined
  }
  const cut = () => {
    const error = new ExchangeError('draining', 'the router stops')
    for (const adapter of adapters) adapter.stop(error)
    apps.close()
    connections.close()
    spareCork.close()
  }
  /** Resolves when no exchange is open and no kept-alive connection is likely to bring one, or after `timeoutMs`. */
  const idle = (timeoutMs: number) =>
    new Promise<void>((resolve) => {
      let lingers = true
      const done = () => {
        clearTimeout(linger)
        clearTimeout(timeout)
        onLess = undefined
        // Not at once: inside uWebSockets' callbacks the last response has yet to leave its buffer.
        setImmediate(resolve)
      }
      const doneIfIdle = () => {
        if (countExchanges() === 0 && (connections.open === 0 || !lingers)) done()
      }
      const linger = setTimeout(
        () => {
          lingers = false
          doneIfIdle()
        },
        Math.min(LAST_REQUEST_MS, timeoutMs),
      )
      const timeout = setTimeout(done, timeoutMs)
      onLess = doneIfIdle
      doneIfIdle()
    })

  return {
    port,
    get exchanges() {
      return countExchanges()
    },
    get connections() {
      return connections.open
    },
    get refusedConnections() {
      return connections.refused
    },
    get certificateExpiresAtMs() {
      return identity?.expiresAtMs
    },
    async drain(timeoutMs) {
      stopListening()
      for (const adapter of adapters) adapter.drain(timeoutMs)
      await idle(timeoutMs)
      cut()
    },
    close() {
      stopListening()
      cut()
    },
  }
}

function certificatesOf(tls: TlsOptions | undefined): WebClientCertificates | undefined {
  if (tls === undefined || tls.clientAuth === 'none') return undefined
  return new WebClientCertificates(tls.clientAuth === 'require')
}

/** `LIBUS_LISTEN_EXCLUSIVE_PORT`. Two processes that share a port unawares have a half of the clients each. */
const EXCLUSIVE_PORT = 1
/** `LIBUS_LISTEN_DEFAULT`: with SO_REUSEPORT. */
const SHARED_PORT = 0

/** uWebSockets takes a host and options together, which its types do not know. */
type ListenAt = (
  host: string,
  port: number,
  options: number,
  then: (socket: us_listen_socket | false) => void,
) => TemplatedApp

function listen(app: TemplatedApp, { host, port, reusePort = false }: WebListenerOptions): Promise<us_listen_socket> {
  return new Promise((resolve, reject) => {
    const listenAt = app.listen.bind(app) as unknown as ListenAt
    listenAt(host, port, reusePort ? SHARED_PORT : EXCLUSIVE_PORT, (socket) => {
      if (socket) resolve(socket)
      else
        reject(new Error(`cannot listen on ${host}:${port}: the port is taken, or not this machine's or user's to use`))
    })
  })
}
