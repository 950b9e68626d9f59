import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'

export type SnapshotSource = 'database' | 'cache'

/** A table that every router holds in memory as a whole: how it is read, and who gets it. */
export interface WatchedTable<Snapshot extends { readonly revision: number } = { readonly revision: number }> {
  /** For the log, such as `routing table`. */
  readonly name: string
  /** What its trigger notifies. */
  readonly channel: string
  read(db: Kysely<Schema>): Promise<Snapshot>
  readRevision(db: Kysely<Schema>): Promise<number>
  /** Gets each new snapshot. `revision` differs between two of the same database that differ. */
  onSnapshot(snapshot: Snapshot, source: SnapshotSource): void
  /** Where the last good one is kept for a start without the database; undefined: nowhere. */
  readonly cache: SnapshotCache<Snapshot> | undefined
  /** What holds while the database does not have the table, as a migration is yet to come; undefined: it has to be there. */
  readonly absent?: Snapshot
}

export interface SnapshotCache<Snapshot> {
  readonly file: string
  /** Undefined: there is none. Throws if there is a file that cannot be used. */
  read(): Promise<Snapshot | undefined>
  write(snapshot: Snapshot): Promise<void>
}

/** A table with its types erased: what is read from it goes to it alone. */
export function watched<Snapshot extends { readonly revision: number }>(table: WatchedTable<Snapshot>): WatchedTable {
  return table as unknown as WatchedTable
}
