import { sql } from 'kysely'
import type { Database } from './database.ts'

/** What the server's clock says, in milliseconds since the epoch. */
export async function readDatabaseClock({ db }: Database): Promise<number> {
  const { rows } = await sql<{ ms: number }>`select extract(epoch from clock_timestamp())::float8 * 1000 as ms`.execute(
    db,
  )
  return rows[0]!.ms
}
