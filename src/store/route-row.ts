import type { Insertable } from 'kysely'
import type { RouteDocument } from '../routing/spec.ts'
import type { RoutesTable } from './schema.ts'

/** A row as read: columns by name, and nothing known of their values. */
export type RouteRow = Readonly<Record<string, unknown>>

/** The columns of a route as a document has them. What the document leaves out is NULL. */
export function rowOf(route: RouteDocument): Insertable<RoutesTable> {
  const { match } = route
  return {
    name: route.name,
    kind: match.kind ?? null,
    host: match.host ?? null,
    methods: match.methods ?? null,
    path: match.path ?? null,
    headers: json(match.headers),
    subject: route.subject,
    reply: route.reply ?? null,
    body: route.body ?? null,
    websocket: route.websocket ?? null,
    timeout: text(route.timeout),
    idle_timeout: text(route.idleTimeout),
    max_duration: text(route.maxDuration),
    priority: route.priority ?? null,
    limits: json(route.limits),
    no_responders: json(route.noResponders),
    forward_headers: json(route.forwardHeaders),
    policies: json(route.policies),
    params: json(route.params),
  }
}

/** The document that a row stands for, if it is a valid one: that is for `parseRoute` to say. */
export function documentOf(row: RouteRow): Readonly<Record<string, unknown>> {
  return present({
    name: row.name,
    match: present({
      kind: row.kind,
      host: row.host,
      methods: row.methods,
      path: row.path,
      headers: row.headers,
    }),
    subject: row.subject,
    reply: row.reply,
    body: row.body,
    websocket: row.websocket,
    timeout: row.timeout,
    idleTimeout: row.idle_timeout,
    maxDuration: row.max_duration,
    limits: row.limits,
    noResponders: row.no_responders,
    forwardHeaders: row.forward_headers,
    params: row.params,
    policies: row.policies,
    priority: row.priority,
  })
}

/** Of a duration, which may be the number 0. */
function text(value: string | number | undefined): string | null {
  return value === undefined ? null : String(value)
}

function json(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value)
}

function present(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined))
}
