import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { DrainSchedule } from '../../src/adapters/drain-schedule.ts'

/** Counts who is told to go, on a clock of the test's own. */
function startSchedule(t: TestContext, size: number, timeoutMs: number) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let nowMs = 0
  const gracesMs: number[] = []
  const connection = { drain: (graceMs: number) => void gracesMs.push(graceMs) }
  const schedule = new DrainSchedule(
    Array.from({ length: size }, () => connection),
    timeoutMs,
    () => nowMs,
  )
  t.after(() => schedule.stop())
  return {
    gracesMs,
    tick() {
      nowMs += 100
      t.mock.timers.tick(100)
    },
    /** As a process that gets no turn: time goes by, and of all the ticks one is left. */
    stall(ms: number) {
      nowMs += ms
      t.mock.timers.tick(100)
    },
  }
}

describe('a drain', () => {
  test('tells connections evenly over three quarters of its time, with what time each has left', (t) => {
    const { gracesMs, tick } = startSchedule(t, 3000, 10_000)
    const counts = [gracesMs.length]
    for (let i = 1; i < 75; i++) {
      const before = gracesMs.length
      tick()
      counts.push(gracesMs.length - before)
    }
    assert.equal(gracesMs.length, 3000)
    assert.deepEqual([Math.min(...counts), Math.max(...counts)], [40, 40])
    assert.deepEqual([gracesMs.at(0), gracesMs.at(-1)], [10_000, 2600])
  })

  test('takes less time for few, and none where it has none', (t) => {
    const few = startSchedule(t, 25, 10_000)
    const counts = [few.gracesMs.length]
    for (let i = 0; i < 2; i++) {
      few.tick()
      counts.push(few.gracesMs.length)
    }
    assert.deepEqual(counts, [10, 20, 25])
    t.mock.timers.reset()
    assert.equal(startSchedule(t, 500, 0).gracesMs.length, 500)
  })

  test('catches up with the time after a stall, so that nobody is cut without a word', (t) => {
    const { gracesMs, stall, tick } = startSchedule(t, 3000, 10_000)
    stall(5000)
    assert.equal(gracesMs.length, 2040)
    stall(4000)
    assert.equal(gracesMs.length, 3000)
    tick()
    assert.equal(gracesMs.length, 3000)
  })
})
