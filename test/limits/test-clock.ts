import type { DeadlineWheel } from '../../src/exchange/deadline-wheel.ts'

/** How late a deadline may be: two ticks of the wheel. It is never early. */
export const TICKS_MS = 20

/** Stands still until the test lets time pass: a limit of time is tried at its end, and two ticks later. */
export interface TestClock {
  now(): number
  pass(wheel: DeadlineWheel, ms: number): void
}

export function createTestClock(): TestClock {
  let nowMs = 0
  return {
    now: () => nowMs,
    pass(wheel, ms) {
      nowMs += ms
      wheel.advance()
    },
  }
}
