import type { OpenExchange } from '../exchange/open-exchange.ts'
import { specToDocument } from '../routing/spec.ts'
import { exchangeId, MAX_LIMIT, type Page, parseConnectionId, parseExchangeId, parsePage, takePage } from './page.ts'
import type { AdminSource } from './source.ts'
import { subjectsOverlap, templatePattern } from './subjects-overlap.ts'

/** What the API answers: JSON, or a problem with a code. */
export type ApiAnswer =
  | { readonly status: 200 | 202; readonly value: object }
  | { readonly status: 400 | 404 | 405 | 503; readonly code: string; readonly title: string; readonly allow?: string }

const CONNECTION = '/api/connections/'

/** Answers what is below `/api/`. */
export function answerApi(
  source: AdminSource,
  method: string,
  path: string,
  query: URLSearchParams,
): ApiAnswer | Promise<ApiAnswer> {
  if (path.startsWith(CONNECTION)) {
    if (method !== 'DELETE') return wrongMethod('DELETE')
    return closeConnection(source, path.slice(CONNECTION.length))
  }
  if (path === '/api/drain') {
    if (method !== 'POST') return wrongMethod('POST')
    source.drain()
    return { status: 202, value: { status: 'draining' } }
  }
  const list = LISTS[path]
  if (list === undefined) {
    const title = `The API has ${Object.keys(LISTS).join(', ')}, ${CONNECTION}{id} and /api/drain`
    return { status: 404, code: 'no_route', title }
  }
  if (method !== 'GET' && method !== 'HEAD') return wrongMethod('GET, HEAD')
  const page = parsePage(query)
  return page === undefined ? BAD_LIMIT : list(source, page)
}

/** Answers one of the lists that go on from page to page. */
export function answerPaged(source: AdminSource, list: keyof typeof PAGED, query: URLSearchParams): ApiAnswer {
  const page = parsePage(query)
  return page === undefined ? BAD_LIMIT : PAGED[list](source, page)
}

const BAD_LIMIT = badRequest(`limit is a number from 1 to ${MAX_LIMIT}`)

type List = (source: AdminSource, page: Page) => ApiAnswer | Promise<ApiAnswer>

const PAGED = {
  connections(source: AdminSource, page: Page): ApiAnswer {
    const after = page.after === undefined ? undefined : parseConnectionId(page.after)
    if (page.after !== undefined && after === undefined) {
      return badRequest('after is the id of a connection, such as ws-17 or tcp0-3')
    }
    const { taken, ...more } = takePage(source.connections(after), ({ id }) => id, page.limit)
    const connections = taken.map(({ close: _, sinceMs, ...connection }) => {
      return { ...connection, since: new Date(sinceMs).toISOString() }
    })
    return ok({ total: source.connectionCount, connections, ...more })
  },
  exchanges(source: AdminSource, page: Page): ApiAnswer {
    const after = page.after === undefined ? 0 : parseExchangeId(page.after)
    if (after === undefined) return badRequest('after is the id of an exchange, such as ex-17')
    const idOf = ({ number }: OpenExchange) => exchangeId(number)
    const { taken, ...more } = takePage(source.exchanges(after), idOf, page.limit)
    const exchanges = taken.map((exchange) => {
      const { requestId, route, kind, subject, remote, state, ageMs } = exchange
      return { id: idOf(exchange), requestId, route, kind, subject, remote, state, ageMs: Math.round(ageMs) }
    })
    return ok({ total: source.exchangeCount, exchanges, ...more })
  },
} as const

const LISTS: Readonly<Record<string, List | undefined>> = {
  '/api/routes': whole((source, limit) => {
    const { revision, specs } = source.table() ?? { revision: 0, specs: [] }
    return ok({ revision, total: specs.length, routes: specs.slice(0, limit).map(specToDocument) })
  }),
  '/api/connections': PAGED.connections,
  '/api/exchanges': PAGED.exchanges,
  '/api/backends': whole(listBackends),
}

/** A list that has one page alone: it would not be the same any more with the next one. */
function whole(list: (source: AdminSource, limit: number) => ApiAnswer | Promise<ApiAnswer>): List {
  return (source, { limit, after }) => {
    return after === undefined ? list(source, limit) : badRequest('this list takes no after')
  }
}

/** Of each route those micro services that may listen on its subjects. Plain responders cannot be discovered. */
async function listBackends(source: AdminSource, limit: number): Promise<ApiAnswer> {
  const services = await source.services()
  if (services === undefined) return { status: 503, code: 'nats_unavailable', title: 'NATS is not connected' }
  const { specs } = source.table() ?? { specs: [] }
  const routes = specs.slice(0, limit).map(({ name, subject, match }) => {
    const pattern = templatePattern(subject, match.path)
    const backends = services.flatMap(({ subjects, ...service }) => {
      const endpoints = subjects.filter((each) => subjectsOverlap(each, pattern))
      return endpoints.length === 0 ? [] : [{ ...service, subjects: endpoints }]
    })
    return { route: name, subject, backends }
  })
  return ok({ total: specs.length, routes })
}

function closeConnection(source: AdminSource, id: string): ApiAnswer {
  for (const connection of source.connections()) {
    if (connection.id !== id) continue
    connection.close()
    return ok({ closed: id })
  }
  return { status: 404, code: 'no_connection', title: 'No connection with this id is open' }
}

function ok(value: object): ApiAnswer {
  return { status: 200, value }
}

function badRequest(title: string): ApiAnswer {
  return { status: 400, code: 'bad_request', title }
}

function wrongMethod(allow: string): ApiAnswer {
  return { status: 405, code: 'method_not_allowed', title: `The admin API takes ${allow} here`, allow }
}
