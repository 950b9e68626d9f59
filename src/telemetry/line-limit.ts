const WINDOW_MS = 1000

/** Lets a number of lines through each second, and counts the others. */
export class LineLimit {
  readonly #maxPerSecond: number
  readonly #now: () => number
  #windowStartMs = -Infinity
  #taken = 0
  #leftOut = 0

  constructor(maxPerSecond: number, now: () => number) {
    this.#maxPerSecond = maxPerSecond
    this.#now = now
  }

  /** @returns undefined: leave this line out; else how many were left out since the last that was written */
  take(): number | undefined {
    const now = this.#now()
    if (now - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = now
      this.#taken = 0
    }
    if (this.#taken >= this.#maxPerSecond) {
      this.#leftOut++
      return undefined
    }
    this.#taken++
    const leftOut = this.#leftOut
    this.#leftOut = 0
    return leftOut
  }
}
