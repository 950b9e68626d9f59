import { type FSWatcher, watch } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../exchange/logger.ts'
import type { RouteDocument } from '../routing/spec.ts'
import { applyRoutes } from './apply-routes.ts'
import { type ConnectionOptions, openDatabase } from './database.ts'
import { explainDatabaseError } from './database-error.ts'
import { isRolledBack } from './route-history.ts'
import { areSameRoutes } from './route-plan.ts'
import { WakeableSleep } from './wakeable-sleep.ts'

export interface RoutesFileWatchOptions {
  readonly file: string
  /** Whether changes are applied too, and not only what is there at the start. */
  readonly watch: boolean
  /** Reads the file's text. Throws an error whose message lists all that is wrong with it. */
  readonly parse: (text: string, file: string) => readonly RouteDocument[]
  /** Of the database that it is applied to. */
  readonly url: string
  /** Who to name in the history. */
  readonly author: string
  readonly logger: Logger
  /** How often the file is looked at, where the system's notifications do not come. */
  readonly pollIntervalMs?: number
  /** How long it has to have stayed as it is before it is applied. */
  readonly settleMs?: number
  readonly connection?: ConnectionOptions
}

/** What the history says of a save. */
export function saveComment(file: string): string {
  return `saved ${file}`
}

/** How long a file has to stay as it is: editors save in several steps, and half of a file may be a good one. */
const SETTLE_MS = 300
/** A burst of notifications is one look at the file. */
const NOTICE_MS = 50
const MIN_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 5000

/**
 * Applies a routes file at the start and after each save that changes its routes, as the whole table. What it gave when it
 * was applied last is not applied again by a touch or a comment, nor at the start if that was rolled back since: it is the
 * file that is old then, and not the table. A file that cannot be used is logged with
 * all its problems and leaves the table as it is until it is saved again; a database that is away is tried again.
 */
export class RoutesFileWatch {
  readonly #options: RoutesFileWatchOptions
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  #watcher: FSWatcher | undefined
  /** The state of the file that needs no more work: applied, or found to be bad. */
  #settled: string | undefined
  /** What the file gave when it was dealt with last. */
  #lastRoutes: readonly RouteDocument[] | undefined
  #appliedRevision = 0
  #failures = 0
  #complaint: string | undefined
  #noticeTimer: NodeJS.Timeout | undefined
  readonly #sleep = new WakeableSleep()

  constructor(options: RoutesFileWatchOptions) {
    this.#options = options
  }

  /** Of the routing table after the last change that this made; 0: it made none. */
  get appliedRevision(): number {
    return this.#appliedRevision
  }

  /** Resolves when the first attempt to apply the file is over, however it went. Never rejects. */
  start(): Promise<void> {
    if (this.#options.watch) this.#watchDirectory()
    return new Promise((resolve) => {
      this.#running = this.#run(resolve)
    })
  }

  /** Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#watcher?.close()
    clearTimeout(this.#noticeTimer)
    this.#sleep.wake()
    await this.#running
  }

  async #run(onFirstAttempt: () => void): Promise<void> {
    const { watch, pollIntervalMs = 2000 } = this.#options
    const { signal } = this.#stop
    while (!signal.aborted) {
      const retryMs = await this.#attempt()
      onFirstAttempt()
      if (!watch && retryMs === undefined) break
      // What happens in the directory does not make the database come back.
      if (retryMs === undefined) await this.#sleep.sleep(pollIntervalMs)
      else await delay(retryMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Applies the file unless it is the one that was dealt with; how long to wait for another try, if one is due. */
  async #attempt(): Promise<number | undefined> {
    const { file, parse } = this.#options
    let routes: readonly RouteDocument[]
    try {
      const state = await stateOf(file)
      if (state === this.#settled) return undefined
      const whole = await this.#readWhole(state)
      // Whatever is in it: a file that could not be read is another matter.
      this.#settled = whole.state
      routes = parse(whole.text, file)
    } catch (error) {
      if (this.#stop.signal.aborted) return undefined
      const complaint = error instanceof Error ? error.message : String(error)
      this.#complain(complaint, `the routes file is not applied, the table stays as it is:\n${complaint}`, error)
      return undefined
    }
    if (this.#lastRoutes !== undefined && areSameRoutes(this.#lastRoutes, routes)) {
      this.#complaint = undefined
      this.#options.logger.info({ file }, 'the routes file gives the same routes as before: the table stays as it is')
      return undefined
    }
    return this.#apply(routes)
  }

  /** What is in the file once it is left alone, from its state now. Rejects on `stop`. */
  async #readWhole(state: string): Promise<{ readonly state: string; readonly text: string }> {
    const { file, settleMs = SETTLE_MS } = this.#options
    const { signal } = this.#stop
    for (let before = state; ; ) {
      // Between two looks at its state, so that no write is missed.
      const text = await readFile(file, 'utf8')
      await delay(settleMs, undefined, { signal })
      const after = await stateOf(file)
      if (after === before) return { state: after, text }
      before = after
    }
  }

  async #apply(routes: readonly RouteDocument[]): Promise<number | undefined> {
    const { url, file, author, logger, connection = {} } = this.#options
    // For this attempt alone: a connection on which nothing was answered in time would be of no use to the next.
    const { db, close } = openDatabase(url, { ...connection, logger, maxConnections: 1 })
    try {
      if (this.#lastRoutes === undefined && (await isRolledBack(db, routes))) {
        this.#settle(routes)
        logger.warn(
          { file },
          'the routes file is not applied: its routes were rolled back and it has not changed since; change it, or run ' +
            '`engine-router routes apply` with it',
        )
        return undefined
      }
      const { revision, plan } = await applyRoutes(db, routes, { author, comment: saveComment(file) })
      this.#settle(routes)
      if (revision === undefined) logger.debug({ file }, 'the routes file changes nothing')
      else {
        this.#appliedRevision = revision
        const { added, changed, removed } = plan
        logger.info({ file, revision, added, changed: changed.map(({ name }) => name), removed }, 'routes file applied')
      }
      return undefined
    } catch (error) {
      this.#settled = undefined
      const complaint = explainDatabaseError(error, url, connection)
      this.#complain(complaint, `the routes file is not applied yet, trying until it is: ${complaint}`, error)
      return Math.min(MIN_BACKOFF_MS * 2 ** this.#failures++, MAX_BACKOFF_MS) * (0.5 + Math.random() / 2)
    } finally {
      await close()
    }
  }

  #settle(routes: readonly RouteDocument[]): void {
    this.#lastRoutes = routes
    this.#complaint = undefined
    this.#failures = 0
  }

  /** Says a thing once, until another is said or all is well. */
  #complain(complaint: string, message: string, error: unknown): void {
    const { file, logger } = this.#options
    if (complaint === this.#complaint) logger.debug({ file, err: error }, 'the routes file is still not applied')
    else logger.error({ file }, message)
    this.#complaint = complaint
  }

  /** The directory, as many editors save by putting another file in the old one's place. */
  #watchDirectory(): void {
    const { file, logger } = this.#options
    const onError = (error: unknown) => {
      this.#watcher?.close()
      logger.warn({ file, err: error }, 'no notifications of the routes file; it is looked at now and then instead')
    }
    try {
      this.#watcher = watch(dirname(file), () => {
        this.#noticeTimer ??= setTimeout(() => {
          this.#noticeTimer = undefined
          this.#sleep.wake()
        }, NOTICE_MS)
      })
      this.#watcher.on('error', onError)
    } catch (error) {
      onError(error)
    }
  }
}

/** Differs after every save. */
async function stateOf(file: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(file)
  return `${mtimeMs} ${size} ${ino}`
}
