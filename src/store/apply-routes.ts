import { type Kysely, sql, type Transaction } from 'kysely'
import { checkRoutes, parseRoute, type RouteDocument, type RouteIssue } from '../routing/spec.ts'
import { isEmptyPlan, planRoutes, type RoutePlan, type WantedRoute } from './route-plan.ts'
import { rowOf } from './route-row.ts'
import { type RoutesSnapshot, readRevision, readRoutes } from './routes-table.ts'
import type { Schema } from './schema.ts'

export interface ApplyOptions {
  /** Who to name in the history. */
  readonly author: string
  readonly comment?: string | undefined
  /** Whether routes of the table that the documents do not name are removed. Default true. */
  readonly prune?: boolean
  readonly action?: 'apply' | 'rollback'
}

export interface ApplyResult {
  /** What was done. */
  readonly plan: RoutePlan
  /** The table's revision now; undefined if there was nothing to do. */
  readonly revision: number | undefined
  /** The revision of the history that has the table as it was before; undefined: it was changed by hand, or is new. */
  readonly previousRevision: number | undefined
}

/** Routes that are refused, as a whole. */
export class InvalidRoutesError extends Error {
  /** Paths inside `{ routes: [...] }`. */
  readonly issues: readonly RouteIssue[]

  constructor(issues: readonly RouteIssue[]) {
    super(issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n'))
    this.name = 'InvalidRoutesError'
    this.issues = issues
  }
}

/** 'engr' in ASCII: the key of the advisory lock under which the routing table is applied. */
const APPLY_LOCK = 0x656e6772

/** What `applyRoutes` would do now. Throws InvalidRoutesError. */
export async function previewRoutes(
  db: Kysely<Schema>,
  documents: readonly RouteDocument[],
  prune = true,
): Promise<RoutePlan> {
  const current = await readRoutes(db)
  return planRoutes(current, parseTable(current, documents, prune), prune)
}

/**
 * Makes the table hold these routes: one transaction, one revision, or no change at all when there is nothing to do.
 * Throws InvalidRoutesError, and then nothing has changed.
 */
export async function applyRoutes(
  db: Kysely<Schema>,
  documents: readonly RouteDocument[],
  options: ApplyOptions,
): Promise<ApplyResult> {
  const { prune = true } = options
  return db.transaction().execute(async (transaction) => {
    await lockRoutes(transaction)
    const current = await readRoutes(transaction)
    const wanted = parseTable(current, documents, prune)
    const plan = planRoutes(current, wanted, prune)
    const previousRevision = await revisionInHistory(transaction, current.revision)
    if (isEmptyPlan(plan)) return { plan, revision: undefined, previousRevision }
    await writePlan(transaction, plan, wanted)
    return { plan, revision: await recordRevision(transaction, options), previousRevision }
  })
}

/** The advisory lock makes applies take turns; the table's keeps changes by hand out from the read to the commit. */
async function lockRoutes(transaction: Transaction<Schema>): Promise<void> {
  await sql`select pg_advisory_xact_lock(${APPLY_LOCK})`.execute(transaction)
  await sql`lock table routes in share row exclusive mode`.execute(transaction)
}

/** Checks the table as it would be: the documents, and without `prune` the other routes beside them. */
function parseTable(current: RoutesSnapshot, documents: readonly RouteDocument[], prune: boolean): WantedRoute[] {
  const issues: RouteIssue[] = []
  const wanted: WantedRoute[] = []
  documents.forEach((document, index) => {
    const parsed = parseRoute(document)
    if (parsed.ok) wanted.push({ spec: parsed.spec, document })
    else issues.push(...parsed.issues.map((issue) => ({ ...issue, path: ['routes', index, ...issue.path] })))
  })
  if (issues.length > 0) throw new InvalidRoutesError(issues)
  const names = new Set(wanted.map(({ spec }) => spec.name))
  const kept = prune ? [] : current.specs.filter(({ name }) => !names.has(name))
  // Kept routes go first: an ambiguity with one of them is then reported at the document's.
  const conflicts = checkRoutes([...kept, ...wanted.map(({ spec }) => spec)])
  if (conflicts.length > 0) throw new InvalidRoutesError(conflicts.map((issue) => shiftIndex(issue, -kept.length)))
  return wanted
}

function shiftIndex({ path, message }: RouteIssue, by: number): RouteIssue {
  const [routes = 'routes', index, ...rest] = path
  return { path: [routes, Number(index) + by, ...rest], message }
}

async function writePlan(
  transaction: Transaction<Schema>,
  plan: RoutePlan,
  wanted: readonly WantedRoute[],
): Promise<void> {
  if (plan.removed.length > 0) {
    await transaction.deleteFrom('routes').where('name', 'in', plan.removed).execute()
  }
  const documents = new Map(wanted.map(({ spec, document }) => [spec.name, document]))
  for (const name of [...plan.added, ...plan.changed.map(({ name }) => name)]) {
    const row = rowOf(documents.get(name)!)
    await transaction
      .insertInto('routes')
      .values(row)
      .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
      .execute()
  }
}

async function revisionInHistory(transaction: Transaction<Schema>, revision: number): Promise<number | undefined> {
  const row = await transaction
    .selectFrom('route_revisions')
    .select('revision')
    .where('revision', '=', String(revision))
    .executeTakeFirst()
  return row === undefined ? undefined : revision
}

async function recordRevision(transaction: Transaction<Schema>, options: ApplyOptions): Promise<number> {
  // The trigger has counted by now, and the lock keeps others from counting.
  const revision = await readRevision(transaction)
  const { documents } = await readRoutes(transaction)
  await transaction
    .insertInto('route_revisions')
    .values({
      revision: String(revision),
      author: options.author,
      comment: options.comment ?? null,
      action: options.action ?? 'apply',
      document: JSON.stringify({ version: 1, routes: documents }),
    })
    .execute()
  return revision
}
