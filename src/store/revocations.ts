import { type Kysely, sql } from 'kysely'
import type { Revocation } from '../exchange/revocation.ts'
import { jsonCache } from './json-cache.ts'
import type { Schema } from './schema.ts'
import { ABSENT_REVISION, readTableRevision } from './table-revision.ts'
import type { WatchedTable } from './watched-table.ts'

/** Which tokens it is about. */
export interface RevocationKey {
  readonly kind: Revocation['kind']
  readonly value: string
  /** Null: any. */
  readonly issuer: string | null
}

/** A revocation as people see it. */
export interface RevocationInfo extends RevocationKey {
  readonly revokedAt: Date
  readonly expiresAt: Date
  readonly reason: string | null
}

export interface NewRevocation extends RevocationKey {
  readonly reason: string | null
  /** By when all such tokens have expired, from now. */
  readonly expiresInMs: number
}

/** Those that held at one moment, or have expired since. */
export interface RevocationsSnapshot {
  readonly revision: number
  readonly revocations: readonly Revocation[]
}

const COLUMNS = ['kind', 'value', 'issuer', 'revoked_at as revokedAt', 'expires_at as expiresAt', 'reason'] as const

/** Of a second one for the same tokens the later times count: what the first has ended does not come back. */
export async function addRevocation(db: Kysely<Schema>, wanted: NewRevocation): Promise<RevocationInfo> {
  const { kind, value, issuer, reason, expiresInMs } = wanted
  // By one clock, which is nobody's own.
  const expiresAt = sql<Date>`now() + ${expiresInMs} * interval '1 millisecond'`
  return db.transaction().execute(async (transaction) => {
    await deleteExpired(transaction)
    return transaction
      .insertInto('revocations')
      .values({ kind, value, issuer, reason, expires_at: expiresAt })
      .onConflict((conflict) =>
        conflict.expression(sql`kind, value, coalesce(issuer, '')`).doUpdateSet({
          revoked_at: sql`excluded.revoked_at`,
          expires_at: sql`greatest(revocations.expires_at, excluded.expires_at)`,
          reason: sql`coalesce(excluded.reason, revocations.reason)`,
        }),
      )
      .returning(COLUMNS)
      .executeTakeFirstOrThrow()
  })
}

/** In the order of their making. */
export async function listRevocations(db: Kysely<Schema>): Promise<RevocationInfo[]> {
  return db
    .selectFrom('revocations')
    .select(COLUMNS)
    .where('expires_at', '>', sql<Date>`now()`)
    .orderBy('revoked_at')
    .orderBy('kind')
    .orderBy('value')
    .execute()
}

/** Gives what was taken back; undefined if there is no such revocation, or not any more. */
export async function deleteRevocation(
  db: Kysely<Schema>,
  { kind, value, issuer }: RevocationKey,
): Promise<RevocationInfo | undefined> {
  return db.transaction().execute(async (transaction) => {
    await deleteExpired(transaction)
    return transaction
      .deleteFrom('revocations')
      .where('kind', '=', kind)
      .where('value', '=', value)
      .where('issuer', 'is not distinct from', issuer)
      .returning(COLUMNS)
      .executeTakeFirst()
  })
}

async function deleteExpired(db: Kysely<Schema>): Promise<void> {
  await db.deleteFrom('revocations').where('expires_at', '<=', sql<Date>`now()`).execute()
}

/** For routers. */
export function watchedRevocations(
  cacheFile: string | undefined,
  onSnapshot: WatchedTable<RevocationsSnapshot>['onSnapshot'],
): WatchedTable<RevocationsSnapshot> {
  return {
    name: 'table of revocations',
    channel: 'engine_router_revocations',
    read: readRevocations,
    readRevision: (db) => readTableRevision(db, 'revocations'),
    cache: cacheFile === undefined ? undefined : jsonCache(cacheFile, (snapshot) => snapshot, decodeSnapshot),
    absent: { revision: ABSENT_REVISION, revocations: [] },
    onSnapshot,
  }
}

async function readRevocations(db: Kysely<Schema>): Promise<RevocationsSnapshot> {
  // Before the rows: what changes in between is read again.
  const revision = await readTableRevision(db, 'revocations')
  const rows = await listRevocations(db)
  const revocations = rows.map(
    ({ kind, value, issuer, revokedAt, expiresAt }): Revocation => ({
      kind,
      value,
      issuer: issuer ?? undefined,
      revokedAtMs: revokedAt.getTime(),
      expiresAtMs: expiresAt.getTime(),
    }),
  )
  return { revision, revocations }
}

function decodeSnapshot(content: unknown): RevocationsSnapshot {
  const { revision, revocations } = content as { readonly revision?: unknown; readonly revocations?: unknown }
  if (!Number.isSafeInteger(revision) || !Array.isArray(revocations))
    throw new Error('the file is no table of revocations')
  return { revision: Number(revision), revocations }
}
