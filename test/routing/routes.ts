/** What the tests of routing are made of: specs from short documents, tables, and requests. */
import type { RequestHead } from '../../src/exchange/exchange.ts'
import { parseRoute, type RouteDocument, type RouteSpec } from '../../src/routing/spec.ts'
import { compileTable, createMatch, type Match, type RouteTable } from '../../src/routing/table.ts'

export function specOf(document: RouteDocument): RouteSpec {
  const parsed = parseRoute(document)
  if (!parsed.ok) throw new Error(`${document.name}: ${JSON.stringify(parsed.issues)}`)
  return parsed.spec
}

/** An http route whose subject is its name. */
export function route(name: string, path: string, match: Partial<RouteDocument['match']> = {}): RouteDocument {
  return { name, match: { path, ...match }, subject: name }
}

export function tableOf(specs: readonly RouteSpec[]): RouteTable {
  return compileTable(specs, { revision: 1, dispatch: () => unreachable, defaultMaxBodyBytes: 1000 })
}

function unreachable(): never {
  throw new Error('nothing is dispatched here')
}

export function request(head: Partial<RequestHead> = {}): RequestHead {
  return {
    kind: 'http',
    method: 'GET',
    host: 'api.example.com',
    path: '/',
    query: '',
    remote: '192.0.2.1',
    certificate: undefined,
    requestId: 'r1',
    headers: [],
    length: 0,
    route: undefined,
    subject: '',
    ...head,
  }
}

/** A fresh match for each request, so that results can be kept side by side. */
export function matchIn(table: RouteTable, head: Partial<RequestHead>): Match {
  const match = createMatch()
  table.match(request(head), match)
  return match
}

/** The winner's name, or the error. */
export function winner(table: RouteTable, head: Partial<RequestHead>): string {
  const { route, error } = matchIn(table, head)
  return error ?? route?.name ?? 'nothing'
}
