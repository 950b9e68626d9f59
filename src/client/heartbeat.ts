import type { Clock } from './clock.ts'

const PING_AFTER_MS = 25_000
const SILENCE_MS = 60_000

/** Asks a silent peer whether it is there, and gives it up if it does not answer. One timer, whatever comes in. */
export class Heartbeat {
  readonly #clock: Clock
  readonly #on: { ping(): void; dead(): void }
  #heardAtMs: number
  #timer: unknown

  constructor(clock: Clock, on: { ping(): void; dead(): void }) {
    this.#clock = clock
    this.#on = on
    this.#heardAtMs = clock.now()
    this.#wait(PING_AFTER_MS)
  }

  heard(): void {
    this.#heardAtMs = this.#clock.now()
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  #wait(delayMs: number): void {
    this.#timer = this.#clock.setTimeout(() => this.#check(), delayMs)
  }

  #check(): void {
    const silentMs = this.#clock.now() - this.#heardAtMs
    if (silentMs >= SILENCE_MS) this.#on.dead()
    else if (silentMs < PING_AFTER_MS) this.#wait(PING_AFTER_MS - silentMs)
    else {
      this.#on.ping()
      this.#wait(Math.min(PING_AFTER_MS, SILENCE_MS - silentMs))
    }
  }
}
