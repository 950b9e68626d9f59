/** A connection that may have closed before its turn comes. */
export interface Drainable {
  /** Takes no new work; what is under way may go on for so long. */
  drain(graceMs: number): void
}

const TICK_MS = 100
/** So few clients may come back at once as well: a router with a handful of them need not take its time. */
const LEAST_PER_TICK = 10
/** Of the time to drain: the rest is for what ends by itself. */
const SPREAD = 0.75

/**
 * Tells connections to go, a few at a time over the time of a drain: each comes back to another router at once, and all
 * of them together would be too much for it.
 */
export class DrainSchedule {
  readonly #connections: Drainable[]
  readonly #total: number
  readonly #beganAtMs: number
  readonly #timeoutMs: number
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined

  /** Begins at once. @param now in milliseconds, from any origin */
  constructor(connections: Iterable<Drainable>, timeoutMs: number, now: () => number) {
    // From the end, so that the oldest go first.
    this.#connections = [...connections].reverse()
    this.#total = this.#connections.length
    this.#timeoutMs = timeoutMs
    this.#now = now
    this.#beganAtMs = now()
    this.#timer = setInterval(() => this.#next(), TICK_MS)
    this.#next()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #next(): void {
    const elapsedMs = this.#now() - this.#beganAtMs
    const leftMs = Math.max(0, this.#timeoutMs - elapsedMs)
    // By the time and not by the tick: a busy router misses some, and must be through before the drain is over.
    const part = Math.min(1, (elapsedMs + TICK_MS) / (this.#timeoutMs * SPREAD))
    const told = this.#total - this.#connections.length
    const count = Math.max(LEAST_PER_TICK, Math.round(this.#total * part) - told)
    for (let i = 0; i < count; i++) {
      const connection = this.#connections.pop()
      if (connection === undefined) {
        this.stop()
        return
      }
      connection.drain(leftMs)
    }
  }
}
