import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { BackendSide, ClientSide, Dispatch, RequestHead } from '../exchange/exchange.ts'
import { createMatch, type Match, type RouteTable } from './table.ts'

/**
 * The entry for requests with a path: matches against the table of the moment, sets `route` and `subject`, and hands
 * over to the route's dispatch. Without a match the client is reset, and what it still sends is ignored.
 */
export function createRouting(current: () => RouteTable): Dispatch {
  const match = createMatch()
  return (request, client) => {
    current().match(request, match)
    return proceed(match, request, client)
  }
}

/** The entry for a tcp listener, whose connections all go to the route of that name, looked up for each. */
export function createNamedRouting(current: () => RouteTable, name: string): Dispatch {
  const match = createMatch()
  return (request, client) => {
    current().matchName(name, match)
    return proceed(match, request, client)
  }
}

function proceed(match: Match, request: RequestHead, client: ClientSide): BackendSide {
  const { route, subject, error } = match
  // With an error too: the log and the reply name the route that refused.
  request.route = route
  if (route === undefined || error !== undefined) {
    client.reset(toError(match, request))
    return CLOSED_SIDE
  }
  request.subject = subject
  return route.dispatch(request, client)
}

function toError({ error, allow, detail }: Match, request: RequestHead): ExchangeError {
  const code = error ?? 'no_route'
  return new ExchangeError(code, `${code}: ${request.method} ${request.host}${request.path}`, {
    ...(detail !== '' && { detail }),
    ...(code === 'method_not_allowed' && { allow }),
  })
}
