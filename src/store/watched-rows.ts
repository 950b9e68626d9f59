import type { Kysely } from 'kysely'
import { jsonCache } from './json-cache.ts'
import type { Schema } from './schema.ts'
import { ABSENT_REVISION, readTableRevision } from './table-revision.ts'
import type { SnapshotSource, WatchedTable } from './watched-table.ts'

/** A table that a later migration has made, and whose rows are all that routers know of it. */
export interface RowsTable<Row> {
  /** For the log, such as `table of API keys`. */
  readonly name: string
  /** In the database. Its trigger is `table_changed`, and notifies `engine_router_` with this behind it. */
  readonly table: string
  readRows(db: Kysely<Schema>): Promise<readonly Row[]>
  /** How a row is kept on disk; as it is, unless JSON cannot. */
  readonly disk?: { encode(row: Row): unknown; decode(content: unknown): Row }
}

export interface RowsSnapshot<Row> {
  readonly revision: number
  readonly rows: readonly Row[]
}

/** Gets the rows of each new snapshot. */
export type OnRows<Row> = (rows: readonly Row[], source: SnapshotSource) => void

/** For routers. A database without the table has no rows. */
export function watchedRows<Row>(
  { name, table, readRows, disk }: RowsTable<Row>,
  cacheFile: string | undefined,
  onRows: OnRows<Row>,
): WatchedTable<RowsSnapshot<Row>> {
  const encode = ({ revision, rows }: RowsSnapshot<Row>) => ({ revision, rows: disk ? rows.map(disk.encode) : rows })
  const decode = (content: unknown): RowsSnapshot<Row> => {
    const { revision, rows } = content as { readonly revision?: unknown; readonly rows?: unknown }
    if (!Number.isSafeInteger(revision) || !Array.isArray(rows)) throw new Error(`the file is no ${name}`)
    return { revision: Number(revision), rows: disk ? rows.map(disk.decode) : rows }
  }
  return {
    name,
    channel: `engine_router_${table}`,
    async read(db) {
      // Before the rows: what changes in between is read again.
      const revision = await readTableRevision(db, table)
      return { revision, rows: await readRows(db) }
    },
    readRevision: (db) => readTableRevision(db, table),
    cache: cacheFile === undefined ? undefined : jsonCache(cacheFile, encode, decode),
    absent: { revision: ABSENT_REVISION, rows: [] },
    onSnapshot: ({ rows }, source) => onRows(rows, source),
  }
}
