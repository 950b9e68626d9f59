import type { ClientSide, RequestHead } from '../exchange/exchange.ts'
import { firstValue } from '../exchange/first-value.ts'
import type { RouteTable } from './table.ts'

const NO_CONTENT = { status: 204, headers: [], length: 0, messages: false } as const

/**
 * Answers what a browser asks before a page's request to another origin (Fetch, CORS-preflight request), in the place of
 * the backend: if the route of that other request has an answer. All else goes the way of any OPTIONS.
 */
export function answersPreflight(table: RouteTable | undefined, request: RequestHead, client: ClientSide): boolean {
  const { kind, host, path, headers } = request
  const method = firstValue(headers, 'access-control-request-method')
  if (kind !== 'http' || method === undefined || firstValue(headers, 'origin') === undefined) return false
  const names = firstValue(headers, 'access-control-request-headers')?.toLowerCase().split(',') ?? []
  const announced = new Set(names.map((name) => name.trim()))
  const route = table?.foresee(path, { method, host, headers, announced })
  if (route?.preflight === undefined) return false
  request.route = route
  route.preflight(request)
  client.head(NO_CONTENT)
  client.end()
  return true
}
