const WINDOW_MS = 1000

/**
 * Time that may go into what is not requests of clients: so much of each second, whoever asks. One answer may overdraw it,
 * since what it takes shows only afterwards.
 */
export class AnswerBudget {
  readonly #maxMs: number
  readonly #now: () => number
  #windowStartMs = Number.NEGATIVE_INFINITY
  #spentMs = 0

  /**
   * @param maxMs of a second
   * @param now in milliseconds from any origin, never going back
   */
  constructor(maxMs: number, now: () => number) {
    this.#maxMs = maxMs
    this.#now = now
  }

  /** Does the work unless the budget is used up, which is when it returns undefined. */
  spend<T>(work: () => T): T | undefined {
    const startMs = this.#now()
    if (startMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = startMs
      this.#spentMs = 0
    }
    if (this.#spentMs >= this.#maxMs) return undefined
    try {
      return work()
    } finally {
      this.#spentMs += this.#now() - startMs
    }
  }
}
