import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket } from 'uWebSockets.js'
import type { DeadlineWheel } from '../../exchange/deadline-wheel.ts'
import { ExchangeError } from '../../exchange/errors.ts'
import type { Dispatch } from '../../exchange/exchange.ts'
import type { ExchangeObserver } from '../../exchange/observer.ts'
import { HttpExchange } from './http-exchange.ts'
import { loadUws } from './native.ts'
import type { HttpAdapterParts } from './parts.ts'
import { type HttpRequestHead, readRequestHead } from './request-head.ts'

export interface HttpAdapterOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly maxHeaderBytes: number
  readonly maxUriBytes: number
  /** One more is closed as soon as it is accepted. */
  readonly maxConnections: number
  readonly dispatch: Dispatch
  readonly wheel: DeadlineWheel
  readonly observer: ExchangeObserver
  readonly makeRequestId: () => string
}

export interface HttpAdapter {
  /** The port that it listens on. */
  readonly port: number
  /** Exchanges under way. */
  readonly exchanges: number
  /** Connections open. */
  readonly connections: number
  /** Connections closed because there were too many. */
  readonly refusedConnections: number
  /** Takes no new connections, finishes what is under way within `timeoutMs`, cuts the rest, closes. */
  drain(timeoutMs: number): Promise<void>
  /** Cuts everything at once. */
  close(): void
}

/** A client of server-sent events that is told to come back does so after this long. */
const SSE_RETRY_MS = 1000

/** Listens, or throws an error that says why not. */
export async function startHttpAdapter(options: HttpAdapterOptions): Promise<HttpAdapter> {
  const uws = await loadUws(options.maxHeaderBytes + options.maxUriBytes)
  const app = uws.App()
  const parts: HttpAdapterParts = {
    wheel: options.wheel,
    observer: options.observer,
    open: new Set(),
    draining: false,
    onIdle: undefined,
  }
  let connections = 0
  let refused = 0
  const countConnection = (res: HttpResponse, change: number) => {
    connections += change
    if (change < 0 || connections <= options.maxConnections) return
    refused++
    res.close()
  }
  app.filter(countConnection as Parameters<TemplatedApp['filter']>[0])
  app.any('/*', (res, req) => handle(parts, options, res, req))
  let listening: us_listen_socket | undefined = await listen(app, options)
  const port = uws.us_socket_local_port(listening)

  const stopListening = () => {
    if (listening !== undefined) uws.us_listen_socket_close(listening)
    listening = undefined
  }
  const cut = () => {
    const error = new ExchangeError('draining', 'the router stops')
    for (const exchange of [...parts.open]) exchange.stop(error)
    app.close()
  }

  return {
    port,
    get exchanges() {
      return parts.open.size
    },
    get connections() {
      return connections
    },
    get refusedConnections() {
      return refused
    },
    async drain(timeoutMs) {
      parts.draining = true
      stopListening()
      for (const exchange of parts.open) exchange.onDrain(SSE_RETRY_MS)
      await allClosed(parts, timeoutMs)
      cut()
    },
    close() {
      stopListening()
      cut()
    },
  }
}

function handle(parts: HttpAdapterParts, options: HttpAdapterOptions, res: HttpResponse, req: HttpRequest): void {
  const request = readRequestHead(req, res, options.makeRequestId)
  const exchange = new HttpExchange(parts, res, request)
  res.onAborted(() => exchange.onAborted())
  if (request.fault !== undefined) {
    const error = new ExchangeError('bad_request', request.fault, { detail: `The request has ${request.fault}` })
    // Later: a request behind this one finds it unanswered, for which uWebSockets ends the connection.
    setImmediate(() => exchange.reset(error))
    return
  }
  const error = overLimit(request, options)
  if (error !== undefined) {
    exchange.reset(error)
    return
  }
  exchange.onBegun(options.dispatch(request, exchange))
  if (exchange.closed) return
  if (request.length === 0) exchange.onNoBody()
  else res.onData((chunk, isLast) => exchange.onBody(chunk, isLast))
}

function overLimit(request: HttpRequestHead, options: HttpAdapterOptions): ExchangeError | undefined {
  if (request.path.length + request.query.length > options.maxUriBytes) {
    return new ExchangeError('uri_too_long', `more than ${options.maxUriBytes} bytes of URI`)
  }
  if (request.headerBytes > options.maxHeaderBytes) {
    return new ExchangeError('headers_too_large', `more than ${options.maxHeaderBytes} bytes of header fields`)
  }
  return undefined
}

/** `LIBUS_LISTEN_EXCLUSIVE_PORT`. Without it two processes share the port unawares, each with a half of the clients. */
const EXCLUSIVE_PORT = 1

/** uWebSockets takes a host and options together, which its types do not know. */
type ListenAt = (
  host: string,
  port: number,
  options: number,
  then: (socket: us_listen_socket | false) => void,
) => TemplatedApp

function listen(app: TemplatedApp, { host, port }: HttpAdapterOptions): Promise<us_listen_socket> {
  return new Promise((resolve, reject) => {
    const listenAt = app.listen.bind(app) as unknown as ListenAt
    listenAt(host, port, EXCLUSIVE_PORT, (socket) => {
      if (socket) resolve(socket)
      else
        reject(new Error(`cannot listen on ${host}:${port}: the port is taken, or not this machine's or user's to use`))
    })
  })
}

/** Resolves when no exchange is open, or after `timeoutMs`. */
function allClosed(parts: HttpAdapterParts, timeoutMs: number): Promise<void> {
  if (parts.open.size === 0) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      parts.onIdle = undefined
      // Not at once: inside uWebSockets' callbacks the last response has yet to leave its buffer.
      setImmediate(resolve)
    }
    const timer = setTimeout(done, timeoutMs)
    parts.onIdle = done
  })
}
