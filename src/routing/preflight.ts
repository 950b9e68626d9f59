import type { ClientSide, RequestHead } from '../exchange/exchange.ts'
import { firstValue } from '../exchange/header-list.ts'
import type { RequestFacts } from './conditions.ts'
import type { RouteTable } from './table.ts'

const NO_CONTENT = { status: 204, headers: [], length: 0, messages: false } as const

/**
 * The request of a page to another origin that a browser asks about (Fetch, CORS-preflight request), as far as its question
 * tells of it; undefined if this is no such question.
 */
export function announcedRequest({ method, host, headers }: RequestFacts): RequestFacts | undefined {
  const announced = firstValue(headers, 'access-control-request-method')
  if (method !== 'OPTIONS' || announced === undefined || firstValue(headers, 'origin') === undefined) return undefined
  const names = firstValue(headers, 'access-control-request-headers')?.toLowerCase().split(',') ?? []
  return { method: announced, host, headers, announced: new Set(names.map((name) => name.trim())) }
}

/** Answers a preflight in the place of the backend, if the route of the request that it announces has an answer. */
export function answersPreflight(table: RouteTable | undefined, request: RequestHead, client: ClientSide): boolean {
  const announced = request.kind === 'http' ? announcedRequest(request) : undefined
  const route = announced && table?.foresee(request.path, announced)
  if (route?.preflight === undefined) return false
  request.route = route
  route.preflight(request)
  client.head(NO_CONTENT)
  client.end()
  return true
}
