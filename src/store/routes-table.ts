import type { Kysely } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import {
  checkRoutes,
  parseRoute,
  type RouteDocument,
  type RouteIssue,
  type RouteSpec,
  replySubjectIssue,
} from '../routing/spec.ts'
import { documentOf, type RouteRow } from './route-row.ts'
import type { Schema } from './schema.ts'

/** A row that is not served, and why. */
export interface QuarantinedRoute {
  readonly name: string
  readonly issues: readonly RouteIssue[]
  /** The route as a document would have it; for people to look at. */
  readonly document: unknown
}

/** The routing table at one moment. */
export interface RoutesSnapshot {
  /** Grows with every change of the table, also one made by hand. */
  readonly revision: number
  /** Sorted by name, each valid and none ambiguous with another. */
  readonly specs: readonly RouteSpec[]
  /** The documents that `specs` came from, in the same order. */
  readonly documents: readonly RouteDocument[]
  readonly quarantined: readonly QuarantinedRoute[]
}

/**
 * Reads rows and revision in one statement, so that they belong together.
 * @param inboxPrefix of the router that is to serve them
 */
export async function readRoutes(db: Kysely<Schema>, inboxPrefix?: string): Promise<RoutesSnapshot> {
  const { revision, rows } = await db
    .selectFrom('routes_version')
    .select((eb) => ['revision', jsonArrayFrom(eb.selectFrom('routes').selectAll()).as('rows')])
    .executeTakeFirstOrThrow()
  return snapshotOf(
    Number(revision),
    rows.map((row: RouteRow) => documentOf(row)),
    inboxPrefix,
  )
}

/** The table's revision alone, for a look whether anything changed. */
export async function readRevision(db: Kysely<Schema>): Promise<number> {
  const { revision } = await db.selectFrom('routes_version').select('revision').executeTakeFirstOrThrow()
  return Number(revision)
}

/** Parses documents of unknown quality. Of two routes that cannot be told apart, the later-named is quarantined. */
export function snapshotOf(
  revision: number,
  candidates: readonly unknown[],
  inboxPrefix: string = '_INBOX',
): RoutesSnapshot {
  const quarantined: QuarantinedRoute[] = []
  const routes: { readonly spec: RouteSpec; readonly document: RouteDocument }[] = []
  for (const document of candidates) {
    const parsed = parseRoute(document)
    const issue = parsed.ok ? replySubjectIssue(parsed.spec, inboxPrefix) : undefined
    if (!parsed.ok) quarantined.push({ name: nameOf(document), issues: parsed.issues, document })
    else if (issue !== undefined) quarantined.push({ name: parsed.spec.name, issues: [issue], document })
    // What parses is what the schema takes.
    else routes.push({ spec: parsed.spec, document: document as RouteDocument })
  }
  routes.sort((a, b) => compareNames(a.spec.name, b.spec.name))
  for (;;) {
    const conflict = lowestConflict(checkRoutes(routes.map(({ spec }) => spec)))
    if (conflict === undefined) break
    const [removed] = routes.splice(conflict.index, 1)
    if (removed === undefined) throw new RangeError(`no route at index ${conflict.index}`)
    const issues = [{ path: conflict.issue.path.slice(2), message: conflict.issue.message }]
    quarantined.push({ name: removed.spec.name, issues, document: removed.document })
  }
  quarantined.sort((a, b) => compareNames(a.name, b.name))
  return {
    revision,
    specs: routes.map(({ spec }) => spec),
    documents: routes.map(({ document }) => document),
    quarantined,
  }
}

/** For a person, on one line: `orders: match.path: expected ...; subject: ...` */
export function quarantineReason({ name, issues }: QuarantinedRoute): string {
  return `${name}: ${issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`
}

/** One at a time, as a route that goes may free others; checks report a pair at its later route. */
function lowestConflict(issues: readonly RouteIssue[]): { index: number; issue: RouteIssue } | undefined {
  let lowest: { index: number; issue: RouteIssue } | undefined
  for (const issue of issues) {
    const index = Number(issue.path[1])
    if (lowest === undefined || index < lowest.index) lowest = { index, issue }
  }
  return lowest
}

function nameOf(document: unknown): string {
  return typeof document === 'object' && document !== null && 'name' in document ? String(document.name) : ''
}

/** By code unit: the same order on every machine and in every locale. */
function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
