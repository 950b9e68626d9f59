import type { Kysely } from 'kysely'
import { type ApiKeyRecord, createApiKey, hashApiKey } from '../exchange/api-key.ts'
import type { Schema } from './schema.ts'
import { storedDate } from './stored-date.ts'
import { type OnRows, type RowsSnapshot, watchedRows } from './watched-rows.ts'
import type { WatchedTable } from './watched-table.ts'

/** A key as people see it. */
export interface ApiKeyInfo {
  readonly id: string
  readonly name: string
  readonly subjectId: string
  readonly scopes: readonly string[]
  readonly createdAt: Date
  readonly expiresAt: Date | null
  readonly revokedAt: Date | null
}

export interface NewApiKey {
  readonly name: string
  readonly subjectId: string
  readonly scopes: readonly string[]
  readonly expiresAt: Date | undefined
}

/** Gives the key, which is not to be had again. */
export async function addApiKey(db: Kysely<Schema>, { name, subjectId, scopes, expiresAt }: NewApiKey) {
  const { id, key } = createApiKey()
  const row = { id, hash: hashApiKey(key), subject_id: subjectId, name, scopes, expires_at: expiresAt ?? null }
  await db
    .insertInto('api_keys')
    .values({ ...row, revoked_at: null })
    .execute()
  return { id, key }
}

/** In the order of their making. */
export async function listApiKeys(db: Kysely<Schema>): Promise<ApiKeyInfo[]> {
  const rows = await db
    .selectFrom('api_keys')
    .select(['id', 'name', 'subject_id as subjectId', 'scopes'])
    .select(['created_at as createdAt', 'expires_at as expiresAt', 'revoked_at as revokedAt'])
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return rows.map(({ createdAt, expiresAt, revokedAt, ...key }) => ({
    ...key,
    createdAt: storedDate(createdAt),
    expiresAt: expiresAt && storedDate(expiresAt),
    revokedAt: revokedAt && storedDate(revokedAt),
  }))
}

/** One that is revoked already keeps the time at which it was. */
export async function revokeApiKey(db: Kysely<Schema>, id: string): Promise<'revoked' | 'already revoked' | 'unknown'> {
  const { numUpdatedRows } = await db
    .updateTable('api_keys')
    .set({ revoked_at: new Date() })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  if (numUpdatedRows > 0n) return 'revoked'
  const known = await db.selectFrom('api_keys').select('id').where('id', '=', id).executeTakeFirst()
  return known === undefined ? 'unknown' : 'already revoked'
}

/** For routers: they know every key that is not revoked. */
export function watchedApiKeys(
  cacheFile: string | undefined,
  onKeys: OnRows<ApiKeyRecord>,
): WatchedTable<RowsSnapshot<ApiKeyRecord>> {
  return watchedRows(
    { name: 'table of API keys', table: 'api_keys', readRows, disk: { encode, decode } },
    cacheFile,
    onKeys,
  )
}

async function readRows(db: Kysely<Schema>): Promise<ApiKeyRecord[]> {
  const rows = await db.selectFrom('api_keys').selectAll().where('revoked_at', 'is', null).execute()
  return rows.map(({ id, hash, subject_id, scopes, expires_at }) => {
    return {
      id,
      hash,
      subjectId: subject_id,
      scopes,
      expiresAtMs: expires_at === null ? undefined : storedDate(expires_at).getTime(),
    }
  })
}

function encode(key: ApiKeyRecord): unknown {
  return { ...key, hash: Buffer.from(key.hash).toString('hex') }
}

function decode(content: unknown): ApiKeyRecord {
  const { hash, expiresAtMs, ...key } = content as Omit<ApiKeyRecord, 'hash'> & { readonly hash: string }
  return { ...key, expiresAtMs, hash: Buffer.from(hash, 'hex') }
}
