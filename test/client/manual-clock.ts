import type { Clock } from '../../src/client/index.ts'

/** Time that passes when the test says so. */
export class ManualClock implements Clock {
  #nowMs = 0
  readonly #timers = new Map<object, { readonly atMs: number; readonly callback: () => void }>()

  now(): number {
    return this.#nowMs
  }

  setTimeout(callback: () => void, delayMs: number): unknown {
    const timer = {}
    this.#timers.set(timer, { atMs: this.#nowMs + delayMs, callback })
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as object)
  }

  get pending(): number {
    return this.#timers.size
  }

  /** Runs what is due on the way, in its order. */
  advance(byMs: number): void {
    const toMs = this.#nowMs + byMs
    for (;;) {
      let next: [object, { readonly atMs: number; readonly callback: () => void }] | undefined
      for (const entry of this.#timers) if (next === undefined || entry[1].atMs < next[1].atMs) next = entry
      if (next === undefined || next[1].atMs > toMs) break
      this.#timers.delete(next[0])
      this.#nowMs = next[1].atMs
      next[1].callback()
    }
    this.#nowMs = toMs
  }
}
