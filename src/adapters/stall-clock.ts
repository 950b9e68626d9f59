/** Tells of a connection, asked now and then, whether its client has taken nothing for too long of what waits for it. */
export class StallClock {
  #takenBytes = 0
  /** Undefined: something was taken since it was asked last, or nothing waits. */
  #sinceMs: number | undefined

  /** @param takenBytes in all, so far @param isWaiting more is to be taken */
  isStalled(takenBytes: number, isWaiting: boolean, nowMs: number, timeoutMs: number): boolean {
    const isStuck = isWaiting && takenBytes <= this.#takenBytes
    this.#takenBytes = takenBytes
    if (!isStuck) this.#sinceMs = undefined
    else this.#sinceMs ??= nowMs
    return this.#sinceMs !== undefined && nowMs - this.#sinceMs >= timeoutMs
  }
}
