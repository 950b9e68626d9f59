import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../exchange/logger.ts'
import type { ConnectionOptions } from './database.ts'
import { explainDatabaseError, isUndefinedTable } from './database-error.ts'
import { WakeableSleep } from './wakeable-sleep.ts'
import { openWatchConnection, type WatchConnection } from './watch-connection.ts'
import type { SnapshotSource, WatchedTable } from './watched-table.ts'

export interface TableWatchOptions {
  readonly url: string
  readonly tables: readonly WatchedTable[]
  readonly logger: Logger
  /** How often the revisions are looked at, in case a notification was lost. */
  readonly pollIntervalMs?: number
  readonly connectTimeoutMs?: number
  readonly statementTimeoutMs?: number
}

/** A burst of changes is one reload. */
const SETTLE_MS = 50
const MIN_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 5000

type Snapshot = Awaited<ReturnType<WatchedTable['read']>>

/** A table with what is known of it. */
interface Tracked {
  readonly table: WatchedTable
  notified: boolean
  /** Of what was handed out last; undefined: nothing was. */
  revision: number | undefined
  /** It was said that the database does not have it. */
  missing: boolean
}

/**
 * Keeps a router's tables fresh, over one connection. States: away -> following (connect and read), following -> away
 * (any error, or the connection is lost), and from anywhere -> stopped. In `following` a notification, or a poll that
 * sees another revision, reads that table whole again, one read at a time. In `away` the router goes on with what it has,
 * at first with what is on disk, and this tries to connect with backoff; it is said once why, and once when it is over.
 */
export class TableWatch {
  readonly #options: TableWatchOptions
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  #connection: WatchConnection | undefined
  #lost: Error | undefined
  readonly #tables: readonly Tracked[]
  /** What was last said of the database being away. */
  #complaint: string | undefined
  readonly #sleep = new WakeableSleep()

  constructor(options: TableWatchOptions) {
    this.#options = options
    this.#tables = options.tables.map((table) => ({ table, notified: false, revision: undefined, missing: false }))
  }

  /**
   * Resolves when the first attempt is over: the tables have been handed out, from the database or else from disk, or
   * there are none in either place yet. Never rejects; goes on in the background until `stop`.
   */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#running = this.#run(resolve)
    })
  }

  /** Resolves when nothing of it is left; no table is handed out after the call. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#sleep.wake()
    await this.#running
  }

  async #run(onFirstAttempt: () => void): Promise<void> {
    const { signal } = this.#stop
    for (let failures = 0; !signal.aborted; ) {
      const next = await this.#next().catch(toError)
      if (signal.aborted) break
      if (next instanceof Error) {
        await this.#goAway(next)
        onFirstAttempt()
        await this.#backOff(failures++)
      } else {
        failures = 0
        await this.#comeBack(next)
        onFirstAttempt()
      }
    }
    this.#connection?.close()
    onFirstAttempt()
  }

  /** What has changed, or all if the connection is new. Rejects when the connection is lost or cannot be had. */
  async #next(): Promise<[Tracked, Snapshot][]> {
    if (this.#connection === undefined) {
      this.#connection = await this.#connect()
      return this.#read(this.#tables)
    }
    for (;;) {
      if (!this.#isNotified()) await this.#sleep.sleep(this.#options.pollIntervalMs ?? 3000)
      if (this.#isNotified()) await delay(SETTLE_MS, undefined, { signal: this.#stop.signal })
      if (this.#lost !== undefined) throw this.#lost
      this.#stop.signal.throwIfAborted()
      const changed = this.#isNotified() ? this.#tables.filter(({ notified }) => notified) : await this.#poll()
      if (changed.length > 0) return this.#read(changed)
    }
  }

  #isNotified(): boolean {
    return this.#tables.some(({ notified }) => notified)
  }

  async #poll(): Promise<Tracked[]> {
    const changed: Tracked[] = []
    for (const tracked of this.#tables) {
      const revision = await this.#orAbsent(tracked, ({ table }) => table.readRevision(this.#connection!.db))
      if (revision !== tracked.revision) changed.push(tracked)
    }
    return changed
  }

  async #read(tables: readonly Tracked[]): Promise<[Tracked, Snapshot][]> {
    const read: [Tracked, Snapshot][] = []
    for (const tracked of tables) {
      // Before the read: a change during it is another reason to read.
      tracked.notified = false
      const snapshot = await this.#orAbsent(tracked, ({ table }) => table.read(this.#connection!.db))
      read.push([tracked, typeof snapshot === 'number' ? tracked.table.absent! : snapshot])
    }
    return read
  }

  /** What it asks of the table; of one that the database does not have, the revision that stands for that. */
  async #orAbsent<T>(tracked: Tracked, ask: (tracked: Tracked) => Promise<T>): Promise<T | number> {
    const { absent, name } = tracked.table
    try {
      const answer = await ask(tracked)
      tracked.missing = false
      return answer
    } catch (error) {
      if (absent === undefined || !isUndefinedTable(error)) throw error
      if (!tracked.missing) {
        const advice = 'run `engine-router migrate up`'
        this.#options.logger.warn({ table: name }, `the database does not have the ${name} yet: ${advice}`)
      }
      tracked.missing = true
      return absent.revision
    }
  }

  #connect(): Promise<WatchConnection> {
    const { url } = this.#options
    this.#lost = undefined
    return openWatchConnection(
      url,
      this.#options.tables.map(({ channel }) => channel),
      this.#connectionOptions(),
      {
        onNotified: (channel) => {
          for (const tracked of this.#tables) if (tracked.table.channel === channel) tracked.notified = true
          this.#sleep.wake()
        },
        onLost: (error) => {
          this.#lost = error
          this.#sleep.wake()
        },
      },
      this.#stop.signal,
    )
  }

  #connectionOptions(): ConnectionOptions {
    const { connectTimeoutMs = 3000, statementTimeoutMs = 5000 } = this.#options
    return { name: 'engine-router watch', connectTimeoutMs, statementTimeoutMs }
  }

  async #goAway(error: Error): Promise<void> {
    const { logger, url } = this.#options
    this.#connection?.close()
    this.#connection = undefined
    const complaint = explainDatabaseError(error, url, this.#connectionOptions())
    if (complaint !== this.#complaint) {
      logger.error({}, `the routing table is not readable, trying until it is: ${complaint}`)
    }
    // Where it happened is of no use to whoever mends the database.
    logger.debug({ err: error }, 'the routing table is not readable')
    this.#complaint = complaint
    for (const tracked of this.#tables) if (tracked.revision === undefined) await this.#serveCache(tracked)
  }

  async #comeBack(snapshots: readonly [Tracked, Snapshot][]): Promise<void> {
    const { logger } = this.#options
    if (this.#complaint !== undefined) logger.info({}, 'the routing table is readable again')
    this.#complaint = undefined
    for (const [tracked, snapshot] of snapshots) this.#serve(tracked, snapshot, 'database')
    for (const [{ table }, snapshot] of snapshots) {
      if (snapshot === table.absent) continue
      try {
        await table.cache?.write(snapshot)
      } catch (error) {
        logger.warn({ err: error, file: table.cache?.file }, `the ${table.name} cannot be kept on disk`)
      }
    }
  }

  async #serveCache(tracked: Tracked): Promise<void> {
    const { cache, name } = tracked.table
    try {
      const snapshot = await cache?.read()
      if (snapshot !== undefined && !this.#stop.signal.aborted) this.#serve(tracked, snapshot, 'cache')
    } catch (error) {
      this.#options.logger.warn({ err: error, file: cache?.file }, `the ${name} on disk is of no use`)
    }
  }

  #serve(tracked: Tracked, snapshot: Snapshot, source: SnapshotSource): void {
    tracked.revision = snapshot.revision
    tracked.table.onSnapshot(snapshot, source)
  }

  /** Only `stop` cuts it short, and not what is heard of the connection that failed, which may wake the other sleep. */
  async #backOff(failures: number): Promise<void> {
    const ms = Math.min(MIN_BACKOFF_MS * 2 ** failures, MAX_BACKOFF_MS)
    const { signal } = this.#stop
    await delay(ms * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
