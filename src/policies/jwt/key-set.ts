import type { Logger } from '../../exchange/logger.ts'
import { type FindKey, type KeySource, readKeys } from './key-source.ts'

const LOAD_MS = 5000
/** After so long keys are loaded again, in the background: this is how a key that is not good any more goes. */
const REFRESH_MS = 5 * 60_000
/** Between two loads for a token whose key is not known: anyone can make up names of keys. */
const COOLDOWN_MS = 30_000
/** Between two loads while there are no keys at all. */
const RETRY_MS = 1000

export interface KeySetOptions {
  readonly source: KeySource
  /** Wall clock, since the epoch. */
  readonly now: () => number
  readonly logger: Logger
  /** Other keys are there than before. */
  readonly onChanged: () => void
}

/**
 * The keys of one source. Loaded when the first is asked for, and again after five minutes of use or for a key that is
 * not known; while the source is away, what is there goes on. There is no timer, and one load at a time.
 */
export class KeySet {
  readonly #options: KeySetOptions
  readonly #closed = new AbortController()
  #find: FindKey | undefined
  #text: Buffer = Buffer.alloc(0)
  #triedAtMs = Number.NEGATIVE_INFINITY
  #loading: Promise<boolean> | undefined
  #isFailing = false

  constructor(options: KeySetOptions) {
    this.#options = options
  }

  /** Undefined while there are none, and a load has just failed. */
  async keys(): Promise<FindKey | undefined> {
    this.refresh()
    if (this.#find !== undefined) return this.#find
    if (this.#loading !== undefined || this.#isOlderThan(RETRY_MS)) await this.#load()
    return this.#find
  }

  /** For every use of what the keys have verified: loads them again in the background, if they are old. */
  refresh(): void {
    if (this.#find !== undefined && this.#isOlderThan(REFRESH_MS)) void this.#load()
  }

  /** Loads them for a token whose key is not there, if that was not done lately. @returns whether there are others now */
  renew(): Promise<boolean> {
    if (this.#loading === undefined && !this.#isOlderThan(COOLDOWN_MS)) return Promise.resolve(false)
    return this.#load()
  }

  close(): void {
    this.#closed.abort()
  }

  #isOlderThan(ms: number): boolean {
    // A clock that was set back must not keep it from ever being loaded again.
    return Math.abs(this.#options.now() - this.#triedAtMs) >= ms
  }

  /** Does not reject. */
  #load(): Promise<boolean> {
    this.#loading ??= this.#loadOnce().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async #loadOnce(): Promise<boolean> {
    const { source, logger, now, onChanged } = this.#options
    const { place } = source
    this.#triedAtMs = now()
    try {
      const text = await readKeys(source, AbortSignal.any([AbortSignal.timeout(LOAD_MS), this.#closed.signal]))
      const isChanged = this.#find === undefined || !text.equals(this.#text)
      if (isChanged) this.#find = source.parse(text)
      this.#text = text
      if (this.#isFailing) logger.info({ place }, 'the keys that tokens are signed with can be loaded again')
      this.#isFailing = false
      if (isChanged) onChanged()
      return isChanged
    } catch (err) {
      const consequence = this.#find === undefined ? 'no token can be verified' : 'going on with those from before'
      const isNews = !this.#isFailing && !this.#closed.signal.aborted
      if (isNews) logger.error({ place, err }, `the keys that tokens are signed with cannot be loaded; ${consequence}`)
      this.#isFailing = true
      return false
    }
  }
}
