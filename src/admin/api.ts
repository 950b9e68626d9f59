import { specToDocument } from '../routing/spec.ts'
import type { AdminSource } from './source.ts'
import { subjectsOverlap, templatePattern } from './subjects-overlap.ts'

const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000

/** What the API answers: JSON, or a problem with a code. */
export type ApiAnswer =
  | { readonly status: 200 | 202; readonly value: unknown }
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
  const limit = parseLimit(query.get('limit'))
  if (limit === undefined)
    return { status: 400, code: 'bad_request', title: `limit is a number from 1 to ${MAX_LIMIT}` }
  return list(source, limit)
}

type List = (source: AdminSource, limit: number) => ApiAnswer | Promise<ApiAnswer>

const LISTS: Readonly<Record<string, List | undefined>> = {
  '/api/routes': (source, limit) => {
    const { revision, specs } = source.table() ?? { revision: 0, specs: [] }
    return ok({ revision, total: specs.length, routes: specs.slice(0, limit).map(specToDocument) })
  },
  '/api/connections': (source, limit) => {
    const connections = first(source.connections(), limit).map(({ close: _, sinceMs, ...connection }) => ({
      ...connection,
      since: new Date(sinceMs).toISOString(),
    }))
    return ok({ total: source.connectionCount, connections })
  },
  '/api/exchanges': (source, limit) => {
    const exchanges = first(source.exchanges(), limit).map(
      ({ requestId, route, kind, subject, remote, state, ageMs }) => {
        return { requestId, route, kind, subject, remote, state, ageMs: Math.round(ageMs) }
      },
    )
    return ok({ total: source.exchangeCount, exchanges })
  },
  '/api/backends': listBackends,
}

/** Of each route those micro services that may listen on its subjects. Plain responders cannot be discovered. */
async function listBackends(source: AdminSource, limit: number): Promise<ApiAnswer> {
  const services = await source.services()
  if (services === undefined) return { status: 503, code: 'nats_unavailable', title: 'NATS is not connected' }
  const { specs } = source.table() ?? { specs: [] }
  const routes = specs.slice(0, limit).map(({ name, subject }) => {
    const pattern = templatePattern(subject)
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

function first<T>(items: Iterable<T>, limit: number): T[] {
  const taken: T[] = []
  for (const item of items) {
    if (taken.push(item) === limit) break
  }
  return taken
}

function parseLimit(text: string | null): number | undefined {
  if (text === null) return DEFAULT_LIMIT
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  return limit >= 1 && limit <= MAX_LIMIT ? limit : undefined
}

function ok(value: unknown): ApiAnswer {
  return { status: 200, value }
}

function wrongMethod(allow: string): ApiAnswer {
  return { status: 405, code: 'method_not_allowed', title: `The admin API takes ${allow} here`, allow }
}
