import type { Kysely } from 'kysely'
import type { RouteDocument } from '../routing/spec.ts'
import { type ApplyResult, applyRoutes } from './apply-routes.ts'
import { areSameRoutes } from './route-plan.ts'
import type { Schema } from './schema.ts'
import { storedDate } from './stored-date.ts'

/** One apply or rollback of the past. */
export interface RouteRevision {
  readonly revision: number
  readonly createdAt: Date
  readonly author: string
  readonly comment: string | undefined
  readonly action: string
  /** Routes in the table afterwards. */
  readonly routeCount: number
}

/** A revision that the history does not have. */
export class UnknownRevisionError extends Error {
  constructor(revision: number) {
    super(`there is no revision ${revision}; see \`engine-router routes history\``)
    this.name = 'UnknownRevisionError'
  }
}

/** The last revisions, newest first. */
export async function readHistory(db: Kysely<Schema>, limit: number): Promise<readonly RouteRevision[]> {
  const rows = await db.selectFrom('route_revisions').selectAll().orderBy('revision', 'desc').limit(limit).execute()
  return rows.map((row) => ({
    revision: Number(row.revision),
    createdAt: storedDate(row.created_at),
    author: row.author,
    comment: row.comment ?? undefined,
    action: row.action,
    routeCount: routesOf(row.document).length,
  }))
}

/** The whole table as it was after a revision. Throws UnknownRevisionError. */
export async function readRevisionRoutes(db: Kysely<Schema>, revision: number): Promise<readonly RouteDocument[]> {
  const row = await db
    .selectFrom('route_revisions')
    .select('document')
    .where('revision', '=', String(revision))
    .executeTakeFirst()
  if (row === undefined) throw new UnknownRevisionError(revision)
  return routesOf(row.document)
}

/** Applies the routes of an earlier revision, as a revision of its own. Throws also what `applyRoutes` throws. */
export async function rollbackRoutes(
  db: Kysely<Schema>,
  revision: number,
  options: { readonly author: string; readonly comment?: string | undefined },
): Promise<ApplyResult> {
  const documents = await readRevisionRoutes(db, revision)
  const { author, comment = `back to revision ${revision}` } = options
  return applyRoutes(db, documents, { author, comment, action: 'rollback' })
}

/**
 * Whether these routes were in the table and a rollback took them out, if the last change was one: whether they are in the
 * history after the apply that gave what the table has now. A rollback to the same is passed by, as what it took out is out
 * again.
 */
export async function isRolledBack(db: Kysely<Schema>, documents: readonly RouteDocument[]): Promise<boolean> {
  const last = await readRevisionBefore(db, undefined)
  if (last?.action !== 'rollback') return false
  const current = routesOf(last.document)
  if (areSameRoutes(current, documents)) return false
  let row = await readRevisionBefore(db, last.revision)
  while (row !== undefined) {
    const routes = routesOf(row.document)
    if (areSameRoutes(routes, documents)) return true
    if (row.action === 'apply' && areSameRoutes(routes, current)) return false
    row = await readRevisionBefore(db, row.revision)
  }
  return false
}

/** One at a time, as each has a whole table. @param revision undefined: the last of all */
function readRevisionBefore(db: Kysely<Schema>, revision: string | undefined) {
  const rows = db.selectFrom('route_revisions').select(['revision', 'action', 'document'])
  const before = revision === undefined ? rows : rows.where('revision', '<', revision)
  return before.orderBy('revision', 'desc').limit(1).executeTakeFirst()
}

/** Written by `applyRoutes`; whoever reads these routes parses them. */
function routesOf(document: unknown): readonly RouteDocument[] {
  return (document as { readonly routes: readonly RouteDocument[] }).routes
}
