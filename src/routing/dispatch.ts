import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { BackendSide, ClientSide, Dispatch, RequestHead } from '../exchange/exchange.ts'
import { answersPreflight } from './preflight.ts'
import { createMatch, type Match, type RouteTable } from './table.ts'

/** The way from a request to its route, in the table of the moment. */
export interface Routing {
  /**
   * Sets `route` and `subject` of the request; gives the error if there is no route, or none that it can take. With an
   * error too, `route` may be set: the log and the reply name the route that refused.
   * @param kind whose routes to look among; default: the request's own
   */
  resolve(request: RequestHead, kind?: 'http' | 'ws'): ExchangeError | undefined
  /** Resolves, and begins the exchange. Without a route the client is reset, and what it still sends is ignored. */
  readonly dispatch: Dispatch
}

/**
 * For requests with a path. A browser's preflight is answered where the route has an answer.
 * @param current undefined while no table is known, when nobody can say that a route is not there: `busy`
 */
export function createRouting(current: () => RouteTable | undefined): Routing {
  const match = createMatch()
  const { resolve, dispatch } = createEntry(current, (table, request, kind) => {
    table.match(request, match, kind)
    return match
  })
  return {
    resolve,
    dispatch: (request, client) =>
      request.method === 'OPTIONS' && answersPreflight(current(), request, client)
        ? CLOSED_SIDE
        : dispatch(request, client),
  }
}

/** For a tcp listener, whose connections all go to the route of that name, looked up for each. */
export function createNamedRouting(current: () => RouteTable | undefined, name: string): Routing {
  const match = createMatch()
  return createEntry(current, (table) => {
    table.matchName(name, match)
    return match
  })
}

function createEntry(
  current: () => RouteTable | undefined,
  find: (table: RouteTable, request: RequestHead, kind: 'http' | 'ws' | undefined) => Match,
): Routing {
  const resolve = (request: RequestHead, kind?: 'http' | 'ws') => {
    const table = current()
    if (table === undefined) {
      return new ExchangeError('busy', 'no routing table is loaded yet', { detail: 'The router is starting' })
    }
    const match = find(table, request, kind)
    request.route = match.route
    request.subject = match.subject
    return match.route === undefined || match.error !== undefined ? toError(match, request) : undefined
  }
  const dispatch = (request: RequestHead, client: ClientSide): BackendSide => {
    const error = resolve(request)
    if (error === undefined) return request.route!.dispatch(request, client)
    client.reset(error)
    return CLOSED_SIDE
  }
  return { resolve, dispatch }
}

function toError({ error, allow, detail }: Match, request: RequestHead): ExchangeError {
  const code = error ?? 'no_route'
  return new ExchangeError(code, `${code}: ${request.method} ${request.host}${request.path}`, {
    ...(detail !== '' && { detail }),
    ...(code === 'method_not_allowed' && { allow }),
  })
}
