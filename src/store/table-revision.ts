import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'

/** Of a table whose trigger is `table_changed`. */
export async function readTableRevision(db: Kysely<Schema>, table: string): Promise<number> {
  const row = await db
    .selectFrom('table_versions')
    .select('revision')
    .where('table_name', '=', table)
    .executeTakeFirstOrThrow()
  return Number(row.revision)
}
