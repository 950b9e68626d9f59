import type { Clock } from './clock.ts'

const PING_AFTER_MS = 25_000
/** So that a peer which is silent for a minute is given up. */
const ANSWER_MS = 35_000

/**
 * Asks a silent peer whether it is there, and gives it up if it does not answer. Counts from the question: a browser may
 * run the timers of a hidden page minutes late, which says nothing of the peer. One timer, whatever comes in.
 */
export class Heartbeat {
  readonly #clock: Clock
  readonly #on: { ping(): void; dead(): void }
  #heardAtMs: number
  #askedAtMs: number | undefined
  #timer: unknown

  constructor(clock: Clock, on: { ping(): void; dead(): void }) {
    this.#clock = clock
    this.#on = on
    this.#heardAtMs = clock.now()
    this.#wait(PING_AFTER_MS)
  }

  heard(): void {
    this.#heardAtMs = this.#clock.now()
    this.#askedAtMs = undefined
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  #wait(delayMs: number): void {
    this.#timer = this.#clock.setTimeout(() => this.#check(), delayMs)
  }

  #check(): void {
    const nowMs = this.#clock.now()
    const silentMs = nowMs - this.#heardAtMs
    if (silentMs < PING_AFTER_MS) {
      this.#wait(PING_AFTER_MS - silentMs)
    } else if (this.#askedAtMs === undefined) {
      this.#askedAtMs = nowMs
      this.#on.ping()
      this.#wait(PING_AFTER_MS)
    } else if (nowMs - this.#askedAtMs < ANSWER_MS) {
      this.#wait(this.#askedAtMs + ANSWER_MS - nowMs)
    } else {
      this.#on.dead()
    }
  }
}
