/** A timer wheel: any number of deadlines behind one timer, O(1) to set, move and cancel, with no allocation. */

/** Something with at most one deadline at a time. The `wheel*` fields belong to the wheel: start them as below. */
export interface WheelEntry {
  /** Starts undefined. */
  wheelNext: WheelEntry | undefined
  /** Starts undefined. */
  wheelPrev: WheelEntry | undefined
  /** The tick on which it is due. */
  wheelDue: number
  /** The list that it is in; starts at -1: not scheduled. */
  wheelSlot: number
  onDeadline(): void
}

export interface DeadlineWheelOptions {
  /** Resolution; a deadline fires up to two ticks late and never early. Default 10. */
  readonly tickMs?: number
  /** A power of two; default 1024. */
  readonly slots?: number
  /** Milliseconds from any origin, never going back. Default `performance.now`. */
  readonly now?: () => number
}

/** How many idle ticks the timer outlives its last entry: starting one for each request would cost more. */
const IDLE_TICKS = 100

export class DeadlineWheel {
  readonly #tickMs: number
  readonly #mask: number
  /** Heads of doubly linked lists; the last one, behind the wheel's slots, holds what is due right now. */
  readonly #slots: (WheelEntry | undefined)[]
  readonly #now: () => number
  #tick: number
  #size = 0
  #idleTicks = 0
  #timer: NodeJS.Timeout | undefined
  readonly #onTimer = () => this.advance()

  constructor(options: DeadlineWheelOptions = {}) {
    const slots = options.slots ?? 1024
    this.#tickMs = options.tickMs ?? 10
    this.#mask = slots - 1
    this.#slots = new Array<WheelEntry | undefined>(slots + 1).fill(undefined)
    this.#now = options.now ?? performance.now.bind(performance)
    this.#tick = this.#currentTick()
  }

  /** Entries scheduled. */
  get size(): number {
    return this.#size
  }

  /** Milliseconds of the wheel's clock. */
  now(): number {
    return this.#now()
  }

  /** Sets the entry's deadline, or moves it; a negative delay is none. */
  schedule(entry: WheelEntry, delayMs: number): void {
    this.cancel(entry)
    const now = this.#currentTick()
    // With nothing scheduled there is nothing between the two to run.
    if (this.#size === 0) this.#tick = now
    // Never a tick that has run: its slot would not be looked at again for a whole turn.
    entry.wheelDue = now + Math.max(0, Math.ceil(delayMs / this.#tickMs)) + 1
    this.#link(entry, entry.wheelDue & this.#mask)
    this.#size++
    if (this.#timer === undefined) this.#timer = setInterval(this.#onTimer, this.#tickMs).unref()
  }

  /** Does nothing if the entry is not scheduled. */
  cancel(entry: WheelEntry): void {
    if (entry.wheelSlot < 0) return
    this.#unlink(entry)
    this.#size--
  }

  /** Runs what is due; the wheel's own timer calls it. */
  advance(): void {
    const now = this.#currentTick()
    // After a stall longer than one turn every slot is looked at once, not once for each turn missed.
    const last = Math.min(now, this.#tick + this.#mask + 1)
    for (let tick = this.#tick + 1; tick <= last; tick++) this.#runSlot(tick & this.#mask, now)
    this.#tick = now
    this.#idleTicks = this.#size === 0 ? this.#idleTicks + 1 : 0
    if (this.#idleTicks > IDLE_TICKS) this.stop()
  }

  /** Stops the timer; a later `schedule` starts it again. */
  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#idleTicks = 0
  }

  #runSlot(slot: number, now: number): void {
    const due = this.#mask + 1
    let entry = this.#slots[slot]
    while (entry !== undefined) {
      const next = entry.wheelNext
      if (entry.wheelDue <= now) {
        this.#unlink(entry)
        this.#link(entry, due)
      }
      entry = next
    }
    // A handler may schedule and cancel any entry, so each round begins at the list's head again.
    for (let first = this.#slots[due]; first !== undefined; first = this.#slots[due]) {
      this.cancel(first)
      first.onDeadline()
    }
  }

  #link(entry: WheelEntry, slot: number): void {
    const first = this.#slots[slot]
    entry.wheelSlot = slot
    entry.wheelNext = first
    if (first !== undefined) first.wheelPrev = entry
    this.#slots[slot] = entry
  }

  #unlink(entry: WheelEntry): void {
    const { wheelNext, wheelPrev } = entry
    if (wheelPrev === undefined) this.#slots[entry.wheelSlot] = wheelNext
    else wheelPrev.wheelNext = wheelNext
    if (wheelNext !== undefined) wheelNext.wheelPrev = wheelPrev
    entry.wheelNext = undefined
    entry.wheelPrev = undefined
    entry.wheelSlot = -1
  }

  #currentTick(): number {
    return Math.floor(this.#now() / this.#tickMs)
  }
}
