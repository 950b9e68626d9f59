import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../exchange/logger.ts'
import type { RouteSpec } from '../routing/spec.ts'
import { explainDatabaseError } from './database-error.ts'
import { readRoutesCache, writeRoutesCache } from './routes-cache.ts'
import {
  type QuarantinedRoute,
  quarantineReason,
  type RoutesSnapshot,
  readRevision,
  readRoutes,
} from './routes-table.ts'
import { WakeableSleep } from './wakeable-sleep.ts'
import { openWatchConnection, type WatchConnection } from './watch-connection.ts'

export type SnapshotSource = 'database' | 'cache'

/** Gets each new table. `revision` differs between two tables of the same database that differ. */
export type OnSnapshot = (
  specs: readonly RouteSpec[],
  revision: number,
  quarantined: readonly QuarantinedRoute[],
  source: SnapshotSource,
) => void

export interface RouteWatchOptions {
  readonly url: string
  /** Where the last good table is kept for a start without the database; undefined: nowhere. */
  readonly cacheFile: string | undefined
  readonly onSnapshot: OnSnapshot
  readonly logger: Logger
  /** How often the revision is looked at, in case a notification was lost. */
  readonly pollIntervalMs?: number
  readonly connectTimeoutMs?: number
  readonly statementTimeoutMs?: number
}

/** A burst of changes is one reload. */
const SETTLE_MS = 50
const MIN_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 5000

/**
 * Keeps a router's table fresh. States: away -> following (connect and read), following -> away (any error, or the
 * connection is lost), and from anywhere -> stopped. In `following` a notification, or a poll that sees another
 * revision, reads the whole table again, one read at a time. In `away` the router goes on with what it has, at first
 * with the table on disk, and this tries to connect with backoff; it is said once why, and once when it is over.
 */
export class RouteWatch {
  readonly #options: RouteWatchOptions
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  #connection: WatchConnection | undefined
  #lost: Error | undefined
  #notified = false
  #revision: number | undefined
  /** What was last said of the database being away. */
  #complaint: string | undefined
  #quarantine: ReadonlySet<string> = new Set()
  readonly #sleep = new WakeableSleep()

  constructor(options: RouteWatchOptions) {
    this.#options = options
  }

  /**
   * Resolves when the first attempt is over: a table has been handed out, from the database or else from disk, or there
   * is none in either place yet. Never rejects; goes on in the background until `stop`.
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

  /** The table, after it has changed or the connection is new. Rejects when the connection is lost or cannot be had. */
  async #next(): Promise<RoutesSnapshot> {
    if (this.#connection === undefined) {
      this.#connection = await this.#connect()
      return readRoutes(this.#connection.db)
    }
    for (;;) {
      if (!this.#notified) await this.#sleep.sleep(this.#options.pollIntervalMs ?? 3000)
      if (this.#notified) await delay(SETTLE_MS, undefined, { signal: this.#stop.signal })
      if (this.#lost !== undefined) throw this.#lost
      this.#stop.signal.throwIfAborted()
      const changed = this.#notified || (await readRevision(this.#connection.db)) !== this.#revision
      // Before the read: a change during it is another reason to read.
      this.#notified = false
      if (changed) return readRoutes(this.#connection.db)
    }
  }

  #connect(): Promise<WatchConnection> {
    const { url, connectTimeoutMs = 3000, statementTimeoutMs = 5000 } = this.#options
    this.#lost = undefined
    this.#notified = false
    return openWatchConnection(
      url,
      { name: 'engine-router watch', connectTimeoutMs, statementTimeoutMs },
      {
        onNotified: () => {
          this.#notified = true
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

  async #goAway(error: Error): Promise<void> {
    const { logger, url } = this.#options
    this.#connection?.close()
    this.#connection = undefined
    const complaint = explainDatabaseError(error, url)
    if (complaint === this.#complaint) logger.debug({ err: error }, 'the routing table is still not readable')
    else logger.error({ err: error }, `the routing table is not readable, trying until it is: ${complaint}`)
    this.#complaint = complaint
    if (this.#revision === undefined) await this.#serveCache()
  }

  async #comeBack(snapshot: RoutesSnapshot): Promise<void> {
    const { logger, cacheFile } = this.#options
    if (this.#complaint !== undefined) logger.info({}, 'the routing table is readable again')
    this.#complaint = undefined
    this.#serve(snapshot, 'database')
    if (cacheFile === undefined) return
    try {
      await writeRoutesCache(cacheFile, snapshot)
    } catch (error) {
      logger.warn({ err: error, file: cacheFile }, 'the routing table cannot be kept on disk')
    }
  }

  async #serveCache(): Promise<void> {
    const { logger, cacheFile } = this.#options
    if (cacheFile === undefined) return
    try {
      const snapshot = await readRoutesCache(cacheFile)
      if (snapshot !== undefined && !this.#stop.signal.aborted) this.#serve(snapshot, 'cache')
    } catch (error) {
      logger.warn({ err: error, file: cacheFile }, 'the routing table on disk is of no use')
    }
  }

  #serve({ specs, revision, quarantined }: RoutesSnapshot, source: SnapshotSource): void {
    const { logger, onSnapshot } = this.#options
    this.#revision = revision
    const reasons = new Map(quarantined.map((route) => [quarantineReason(route), route]))
    for (const [reason, { name }] of reasons) {
      if (!this.#quarantine.has(reason)) logger.error({ route: name }, `a route is not served: ${reason}`)
    }
    this.#quarantine = new Set(reasons.keys())
    logger.info({ revision, routes: specs.length, quarantined: quarantined.length, source }, 'routing table loaded')
    onSnapshot(specs, revision, quarantined, source)
  }

  async #backOff(failures: number): Promise<void> {
    const ms = Math.min(MIN_BACKOFF_MS * 2 ** failures, MAX_BACKOFF_MS)
    await this.#sleep.sleep(ms * (0.5 + Math.random() / 2))
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
