import type { Kysely } from 'kysely'
import type { RouteDocument } from '../routing/spec.ts'
import { type ApplyResult, applyRoutes } from './apply-routes.ts'
import { areSameRoutes } from './route-plan.ts'
import type { Schema } from './schema.ts'

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
    createdAt: row.created_at,
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

/** Whether what was applied last gave just these routes, and was rolled back since. */
export async function isRolledBack(db: Kysely<Schema>, documents: readonly RouteDocument[]): Promise<boolean> {
  const last = await db
    .selectFrom('route_revisions')
    .select('action')
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (last?.action !== 'rollback') return false
  const undone = await db
    .selectFrom('route_revisions')
    .select('document')
    .where('action', '=', 'apply')
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst()
  return undone !== undefined && areSameRoutes(routesOf(undone.document), documents)
}

/** Written by `applyRoutes`; whoever reads these routes parses them. */
function routesOf(document: unknown): readonly RouteDocument[] {
  return (document as { readonly routes: readonly RouteDocument[] }).routes
}
