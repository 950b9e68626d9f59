import { ExchangeError } from '../../exchange/errors.ts'
import type { RequestHead } from '../../exchange/exchange.ts'
import type { ConnectMux } from '../mux/mux.ts'
import type { SocketHandler } from './client-socket.ts'
import { type Handshake, VERSION } from './handshake.ts'
import { MuxChannel } from './mux-channel.ts'
import { chooseMux, credentials, MUX_PATH } from './mux-handshake.ts'
import type { OriginCheck } from './origin.ts'
import type { WebSocketParts } from './parts.ts'
import { RpcConnection } from './rpc-connection.ts'
import { StreamConnection } from './stream-connection.ts'

export interface UpgradeOptions {
  /** Finds the route of an upgrade: sets `route` and `subject` of the request, or gives the error. */
  readonly resolve: (request: RequestHead, kind: 'ws') => ExchangeError | undefined
  /** Undefined: there is none over WebSockets. */
  readonly connectMux: ConnectMux | undefined
  readonly makeRequestId: () => string
}

export interface AcceptedUpgrade {
  readonly handler: SocketHandler
  /** The subprotocol to answer with; empty: none. */
  readonly protocol: string
}

const KEY = /^[A-Za-z0-9+/]{22}==$/

/** Why there will be no WebSocket, whoever asks for it; undefined: there may be one. Sets the route of the request. */
export function checkUpgrade(
  options: UpgradeOptions,
  isAllowedOrigin: OriginCheck,
  request: RequestHead,
  handshake: Handshake,
): ExchangeError | undefined {
  const { version, key, origin, host, protocols } = handshake
  if (version !== VERSION) {
    const detail = `Only version ${VERSION} of WebSocket is spoken here`
    return new ExchangeError('bad_request', `WebSocket version ${version}`, { status: 426, detail })
  }
  if (!KEY.test(key)) return malformed('Sec-WebSocket-Key')
  if (protocols === undefined) return malformed('Sec-WebSocket-Protocol')
  const error = request.path === MUX_PATH ? checkMux(options) : options.resolve(request, 'ws')
  if (error !== undefined) return error
  if (!isAllowedOrigin(origin, host)) {
    const detail = 'Pages of this origin may not connect; the router has a list, listen.http.origins'
    return new ExchangeError('forbidden', `origin ${origin} at host ${host}`, { detail })
  }
  return undefined
}

/** What is to run over a WebSocket that nothing speaks against, or what does after all. */
export function acceptUpgrade(
  options: UpgradeOptions,
  parts: WebSocketParts,
  request: RequestHead,
  { protocols = [] }: Handshake,
): AcceptedUpgrade | ExchangeError {
  // Each exchange over it has a route of its own.
  if (request.route === undefined) return acceptMux(options.connectMux!, request, protocols)
  const handler =
    request.route.websocket === 'rpc'
      ? new RpcConnection(parts, request, options.makeRequestId)
      : new StreamConnection(parts, request)
  // A browser fails a connection whose server takes none of what it offered. The backend sees all of them.
  return { handler, protocol: protocols[0] ?? '' }
}

function checkMux({ connectMux }: UpgradeOptions): ExchangeError | undefined {
  if (connectMux !== undefined) return undefined
  const detail = 'No connection for many exchanges is taken here'
  return new ExchangeError('no_route', 'listen.http.mux is false', { detail })
}

function acceptMux(connect: ConnectMux, request: RequestHead, protocols: readonly string[]) {
  const choice = chooseMux(protocols)
  if (choice === undefined) {
    const detail = 'None of the subprotocols is known here; offer sx.v1.json or sx.v1.bin'
    return new ExchangeError('bad_request', `subprotocols ${protocols.join(', ')}`, { detail })
  }
  const { host, remote, certificate, headers } = request
  const { encoding, protocol } = choice
  const peer = { kind: 'ws', encoding, host, remote, certificate, headers: credentials(headers) } as const
  return { handler: new MuxChannel(connect, peer), protocol }
}

function malformed(field: string): ExchangeError {
  return new ExchangeError('bad_request', `malformed ${field}`, { detail: `The header field ${field} is malformed` })
}
