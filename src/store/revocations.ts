import { type Kysely, sql } from 'kysely'
import type { Revocation } from '../exchange/revocation.ts'
import type { Schema } from './schema.ts'
import { storedDate } from './stored-date.ts'
import { type OnRows, type RowsSnapshot, watchedRows } from './watched-rows.ts'
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

const COLUMNS = ['kind', 'value', 'issuer', 'revoked_at as revokedAt', 'expires_at as expiresAt', 'reason'] as const

/** Of two for the same tokens the later times count: what one of them has ended does not come back. */
export async function addRevocation(db: Kysely<Schema>, wanted: NewRevocation): Promise<RevocationInfo> {
  const { kind, value, issuer, reason, expiresInMs } = wanted
  // By one clock, which is nobody's own.
  const expiresAt = sql<Date>`now() + ${expiresInMs} * interval '1 millisecond'`
  return db.transaction().execute(async (transaction) => {
    await deleteExpired(transaction)
    const row = await transaction
      .insertInto('revocations')
      .values({ kind, value, issuer, reason, expires_at: expiresAt })
      .onConflict((conflict) =>
        conflict.expression(sql`kind, value, coalesce(issuer, '')`).doUpdateSet({
          revoked_at: sql`greatest(revocations.revoked_at, excluded.revoked_at)`,
          expires_at: sql`greatest(revocations.expires_at, excluded.expires_at)`,
          reason: sql`coalesce(excluded.reason, revocations.reason)`,
        }),
      )
      .returning(COLUMNS)
      .executeTakeFirstOrThrow()
    return revocationOf(row)
  })
}

/** In the order of their making. */
export async function listRevocations(db: Kysely<Schema>): Promise<RevocationInfo[]> {
  const rows = await db
    .selectFrom('revocations')
    .select(COLUMNS)
    .where('expires_at', '>', sql<Date>`now()`)
    .orderBy('revoked_at')
    .orderBy('kind')
    .orderBy('value')
    .execute()
  return rows.map(revocationOf)
}

/** Gives what was taken back; undefined if there is no such revocation, or not any more. */
export async function deleteRevocation(
  db: Kysely<Schema>,
  { kind, value, issuer }: RevocationKey,
): Promise<RevocationInfo | undefined> {
  return db.transaction().execute(async (transaction) => {
    await deleteExpired(transaction)
    const row = await transaction
      .deleteFrom('revocations')
      .where('kind', '=', kind)
      .where('value', '=', value)
      .where('issuer', 'is not distinct from', issuer)
      .returning(COLUMNS)
      .executeTakeFirst()
    return row && revocationOf(row)
  })
}

async function deleteExpired(db: Kysely<Schema>): Promise<void> {
  await db.deleteFrom('revocations').where('expires_at', '<=', sql<Date>`now()`).execute()
}

function revocationOf(row: RevocationInfo): RevocationInfo {
  return { ...row, revokedAt: storedDate(row.revokedAt), expiresAt: storedDate(row.expiresAt) }
}

/** For routers: they know those that hold, or have expired since. */
export function watchedRevocations(
  cacheFile: string | undefined,
  onRevocations: OnRows<Revocation>,
): WatchedTable<RowsSnapshot<Revocation>> {
  return watchedRows({ name: 'table of revocations', table: 'revocations', readRows }, cacheFile, onRevocations)
}

async function readRows(db: Kysely<Schema>): Promise<Revocation[]> {
  const rows = await listRevocations(db)
  return rows.map(({ kind, value, issuer, revokedAt, expiresAt }) => ({
    kind,
    value,
    issuer: issuer ?? undefined,
    revokedAtMs: revokedAt.getTime(),
    expiresAtMs: expiresAt.getTime(),
  }))
}
