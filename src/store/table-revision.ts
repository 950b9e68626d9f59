import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'

/** What stands for a table that a migration is yet to make. */
export const ABSENT_REVISION = -1

/** Of a table whose trigger is `table_changed`. */
export async function readTableRevision(db: Kysely<Schema>, table: string): Promise<number> {
  const row = await db
    .selectFrom('table_versions')
    .select('revision')
    .where('table_name', '=', table)
    .executeTakeFirst()
  return row === undefined ? ABSENT_REVISION : Number(row.revision)
}
