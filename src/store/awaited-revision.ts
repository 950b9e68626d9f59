import type { SnapshotSource } from './watched-table.ts'

/**
 * Whether a router's table is yet to have what routes.file put there at the start. States: attempting (the file is being
 * applied) -> awaiting (it was, and the table is older) -> over. `onAttempted` ends the first, and the second as well where
 * nothing is to come; `onTable` ends the second. It never begins again: a later save leaves the router as ready as it was.
 */
export class AwaitedRevision {
  /** Infinity: attempting. 0: over. */
  #awaited = Number.POSITIVE_INFINITY
  /** Of the last table; -1: there was none. */
  #current = -1

  get isOver(): boolean {
    return this.#awaited === 0
  }

  /** @param revision the table's after the file was applied; 0: the file changed nothing */
  onAttempted(revision: number): void {
    this.#awaited = revision <= this.#current ? 0 : revision
  }

  onTable(revision: number, source: SnapshotSource): void {
    // A database that has gone back, by a fail-over or a backup, may never come to the revision that it had.
    const hasGoneBack = source === 'database' && revision < this.#current && this.#awaited !== Number.POSITIVE_INFINITY
    if (revision >= this.#awaited || hasGoneBack) this.#awaited = 0
    this.#current = revision
  }
}
