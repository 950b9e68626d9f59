import type { Logger } from '../../exchange/logger.ts'

const EVERY_MS = 10_000

/** Warns of what clients can bring about as often as they like, and so fill a log with: once in ten seconds. */
export class OccasionalWarning {
  readonly #logger: Logger
  readonly #now: () => number
  readonly #message: string
  #warnedAtMs = -Infinity
  #unsaid = 0

  constructor(logger: Logger, now: () => number, message: string) {
    this.#logger = logger
    this.#now = now
    this.#message = message
  }

  warn(fields: object): void {
    const now = this.#now()
    if (now - this.#warnedAtMs < EVERY_MS) {
      this.#unsaid++
      return
    }
    this.#logger.warn({ ...fields, ...(this.#unsaid > 0 && { notLogged: this.#unsaid }) }, this.#message)
    this.#warnedAtMs = now
    this.#unsaid = 0
  }
}
