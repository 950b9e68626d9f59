import type { ExchangeError } from '../../exchange/errors.ts'
import type { RequestHead } from '../../exchange/exchange.ts'
import type { MuxRouting } from './mux-parts.ts'

/**
 * Routes of HTTP first; a path that only a WebSocket has becomes an exchange that is a connection of its own, over this
 * one. Sets `route` and `subject`, or gives the error.
 */
export function findRoute(routing: MuxRouting, request: RequestHead): ExchangeError | undefined {
  const error = routing.resolve(request, 'http')
  if (error?.code !== 'no_route') return error
  const webSocketError = routing.resolve(request, 'ws')
  if (request.route?.websocket === 'stream') return webSocketError
  request.route = undefined
  return error
}
