const SLOTS = 10

/** How many exchanges succeeded and failed of late: counted in tenths of a window, of which the oldest drops out as a whole. */
export class SlidingCounts {
  readonly #slotMs: number
  readonly #exchanges = new Uint32Array(SLOTS)
  readonly #failures = new Uint32Array(SLOTS)
  /** The slot of the last count, since the beginning of the clock. */
  #slot = 0

  constructor(windowMs: number) {
    this.#slotMs = windowMs / SLOTS
  }

  add(nowMs: number, isFailure: boolean): void {
    this.#turn(Math.floor(nowMs / this.#slotMs))
    const at = this.#slot % SLOTS
    this.#exchanges[at]!++
    if (isFailure) this.#failures[at]!++
  }

  /** As of the last count. */
  get exchanges(): number {
    return sum(this.#exchanges)
  }

  get failures(): number {
    return sum(this.#failures)
  }

  clear(): void {
    this.#exchanges.fill(0)
    this.#failures.fill(0)
  }

  #turn(slot: number): void {
    const steps = Math.min(SLOTS, slot - this.#slot)
    for (let i = 1; i <= steps; i++) {
      const at = (this.#slot + i) % SLOTS
      this.#exchanges[at] = 0
      this.#failures[at] = 0
    }
    this.#slot = slot
  }
}

function sum(counts: Uint32Array): number {
  let total = 0
  for (const count of counts) total += count
  return total
}
