import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Schema } from './schema.ts'

/** Rows that keep requests out, and would not without what a migration has made. */
export interface MigrationGuards {
  readonly count: number
  /** The first of them, sorted. */
  readonly names: readonly string[]
  /** What becomes of what they guard. */
  readonly consequence: string
}

interface Guarding {
  readonly names: RawBuilder<{ name: string }>
  readonly consequence: string
}

/**
 * By migration. Without `0003_api_keys` there is no key that is let in, and without `params` no value for a subject:
 * those close routes.
 */
const GUARDING: Readonly<Record<string, Guarding>> = {
  '0002_policies': {
    names: sql`select name from routes where policies is not null and policies not in ('null', '[]')`,
    consequence: 'routes that have policies would be served without them',
  },
  '0004_workspaces': {
    // Rows may hold anything: no path of `jsonb_path_exists` fails.
    names: sql`select name from routes where jsonb_path_exists(params, '$.*.workspace ? (@ == true)')`,
    consequence: 'routes would no longer ask whether the workspace of a request is one',
  },
  '0005_revocations': {
    names: sql`select kind || ' ' || value as name from revocations where expires_at > now()`,
    consequence: 'revoked tokens would count again',
  },
}

/** Undefined: nothing is let in by a revert of the migration, which is applied. */
export async function findMigrationGuards(
  db: Kysely<Schema>,
  migration: string,
  maxNames: number,
): Promise<MigrationGuards | undefined> {
  const guarding = GUARDING[migration]
  if (guarding === undefined) return undefined
  const { rows } = await sql<{ name: string; count: string }>`
    select name, count(*) over () as count from (${guarding.names}) as guards order by name limit ${maxNames}
  `.execute(db)
  if (rows.length === 0) return undefined
  return { count: Number(rows[0]!.count), names: rows.map(({ name }) => name), consequence: guarding.consequence }
}
