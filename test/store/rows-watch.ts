import { TableWatch } from '../../src/store/table-watch.ts'
import type { OnRows, RowsSnapshot } from '../../src/store/watched-rows.ts'
import { type WatchedTable, watched } from '../../src/store/watched-table.ts'
import { createTestLogger, type LogLine } from './migrated-database.ts'

/** Where nothing listens. */
export const NO_DATABASE = 'postgres://nobody@127.0.0.1:1/none'

/** A router's watch of one table, and what it was handed last. */
export interface RowsWatch<Row> {
  readonly watch: TableWatch
  rows(): readonly Row[]
  /** `database: alice,bob`; `none` if it was handed nothing yet. */
  seen(): string
  readonly lines: readonly LogLine[]
}

/** @param nameOf what `seen` shows of a row; in the order of the rows */
export function watchRows<Row>(
  url: string,
  file: string,
  createTable: (cacheFile: string, onRows: OnRows<Row>) => WatchedTable<RowsSnapshot<Row>>,
  nameOf: (row: Row) => string,
): RowsWatch<Row> {
  const { logger, lines } = createTestLogger()
  let rows: readonly Row[] = []
  let seen = 'none'
  const table = createTable(file, (handed, source) => {
    rows = handed
    seen = `${source}: ${handed.map(nameOf)}`
  })
  // Longer than any test: what is seen is then not seen by a poll.
  const watch = new TableWatch({ url, logger, pollIntervalMs: 60_000, tables: [watched(table)] })
  return { watch, rows: () => rows, seen: () => seen, lines }
}
