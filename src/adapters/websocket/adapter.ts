import type { HttpRequest, HttpResponse, us_socket_context_t } from 'uWebSockets.js'
import type { ClientConnection } from '../../exchange/client-connection.ts'
import { ExchangeError } from '../../exchange/errors.ts'
import { DrainSchedule } from '../drain-schedule.ts'
import { FlushQueue } from '../flush-queue.ts'
import { type HeadLimits, overLimit } from '../http/over-limit.ts'
import { readRequestHead } from '../http/request-head.ts'
import type { FragmentingWebSocket } from '../native.ts'
import type { TrustedProxies } from '../trusted-proxies.ts'
import type { WebAdapter } from '../web-listener.ts'
import { ClientSocket, type SocketData } from './client-socket.ts'
import { readHandshake } from './handshake.ts'
import { createOriginCheck } from './origin.ts'
import type { GivenParts, WebSocketParts } from './parts.ts'
import { PendingUpgrade } from './pending-upgrade.ts'
import { refuseUpgrade } from './refusal.ts'
import { copyRequest } from './request-copy.ts'
import { acceptUpgrade, checkUpgrade, type UpgradeOptions } from './upgrade.ts'
import { WritableQueue } from './writable-queue.ts'

export interface WebSocketAdapterOptions extends HeadLimits, UpgradeOptions, GivenParts {
  /** Of pages that may connect; undefined: of the same host. */
  readonly origins: readonly string[] | undefined
  /** Undefined: nobody's word is taken. */
  readonly proxies: TrustedProxies | undefined
  /** Default 25 seconds. */
  readonly pingEveryMs?: number
  /** Of silence, after which a client is taken for gone; 0 or at least 8. Default 60. */
  readonly silenceS?: number
  /** For a backend to end its direction, once the client has closed. Default 10 seconds. */
  readonly lingerMs?: number
}

/**
 * A message this much larger than it may be is still read, so that its sender is told why it is closed. No more: until it is
 * whole, it is kept by uWebSockets, out of our sight.
 */
const OVERSIZE_FACTOR = 2
/** Beyond what waits to be sent, uWebSockets drops: so many pongs, say, for a client that does not read. */
const MAX_BUFFERED_BYTES = 1024 * 1024

/** With what an operator may ask of it. */
export interface WebSocketAdapter extends WebAdapter {
  /** Those open, by number. @param after the number after which the list begins */
  list(after?: number): Iterable<ClientConnection>
}

/** WebSocket (RFC 6455): a connection is one exchange, or many, as its route says. */
export function createWebSocketAdapter(options: WebSocketAdapterOptions): WebSocketAdapter {
  const { wheel, observer, maxMessageBytes, pingEveryMs = 25_000, silenceS = 60, lingerMs = 10_000 } = options
  const parts: WebSocketParts = {
    wheel,
    observer,
    connections: options.connections,
    limitObserver: options.limitObserver,
    buffers: options.buffers,
    messageRate: options.messageRate,
    stallTimeoutMs: options.stallTimeoutMs,
    maxMessageBytes,
    pingEveryMs,
    lingerMs,
    open: new Set(),
    writable: new WritableQueue(),
    flushes: new FlushQueue(),
    owner: undefined,
    lastNumber: 0,
  }
  const isAllowedOrigin = createOriginCheck(options.origins)
  let drainSchedule: DrainSchedule | undefined

  const drainError = () =>
    drainSchedule === undefined ? undefined : new ExchangeError('draining', 'the router is about to stop')
  const upgrade = (res: HttpResponse, req: HttpRequest, context: us_socket_context_t) => {
    const head = readRequestHead(req, res, options.makeRequestId, parts.owner?.certificates, options.proxies)
    const handshake = readHandshake(head.headers)
    if (!handshake.isUpgrade || head.fault !== undefined || head.length !== 0 || overLimit(head, options)) {
      // Not an upgrade, or one in doubt: HTTP has the answer.
      req.setYield(true)
      return
    }
    const request = copyRequest(head, head.requestId, handshake.headers, -1)
    const settle = (error: ExchangeError | undefined, isGone = false) => {
      const accepted = error ?? drainError() ?? acceptUpgrade(options, parts, request, handshake)
      if (accepted instanceof ExchangeError) {
        if (!isGone) refuseUpgrade(res, request, accepted)
        observer.begun()
        observer.ended(request, accepted.status, accepted, 0, 0, 0)
        return
      }
      const peer = parts.connections.onRequest(head.address)
      const socket = new ClientSocket(parts, accepted.handler, request.remote, peer)
      res.upgrade<SocketData>({ socket }, handshake.key, accepted.protocol, '', context)
    }
    const error = drainError() ?? checkUpgrade(options, isAllowedOrigin, request, handshake)
    const verdict = error ?? request.route?.admit?.(request) ?? request.route?.authenticate?.(request)
    if (verdict instanceof Promise) new PendingUpgrade(verdict, res, parts.owner!.spareCork, wheel, settle)
    else settle(verdict)
  }

  return {
    get exchanges() {
      return parts.open.size
    },
    attach(app, owner) {
      parts.owner = owner
      app.ws<SocketData>('/*', {
        compression: 0,
        maxPayloadLength: maxMessageBytes * OVERSIZE_FACTOR,
        maxBackpressure: MAX_BUFFERED_BYTES,
        idleTimeout: silenceS,
        // It would ping only after most of the time was over, which is too late for the proxies on the way.
        sendPingsAutomatically: false,
        upgrade,
        open: (ws) => ws.getUserData().socket.onOpen(ws as FragmentingWebSocket<SocketData>),
        message: (ws, message, isBinary) => ws.getUserData().socket.onMessage(new Uint8Array(message), !isBinary),
        ping: (ws) => ws.getUserData().socket.onControl(),
        pong: (ws) => ws.getUserData().socket.onControl(),
        drain: (ws) => ws.getUserData().socket.onDrain(),
        close: (ws, code, reason) => ws.getUserData().socket.onClose(code, Buffer.from(reason).toString()),
      })
    },
    *list(after = 0) {
      for (const socket of parts.open) if (socket.number > after) yield socket.describe()
    },
    drain(timeoutMs) {
      drainSchedule = new DrainSchedule(parts.open, timeoutMs, () => wheel.now())
    },
    stop(error) {
      drainSchedule?.stop()
      for (const socket of [...parts.open]) socket.stop(error)
    },
  }
}
