import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ReceiveWindow } from '../../src/wire/receive-window.ts'
import { WindowBudget } from '../../src/wire/window-budget.ts'

const KIB = 1024
const FIRST_BYTES = 256 * KIB
const OVERHEAD_BYTES = 64

/** Uses up half of a window as it is now; gives the credit. */
function useHalf(window: ReceiveWindow, sizeBytes: number, idle: boolean, nowMs: number): number | undefined {
  return window.use(sizeBytes / 2 - OVERHEAD_BYTES, idle, nowMs)
}

describe('a window that may grow', () => {
  test('doubles with each half that is used up fast, up to 2 MiB, and gives all of that back', () => {
    const budget = new WindowBudget(16 * 1024 * KIB)
    const window = new ReceiveWindow(FIRST_BYTES, budget)
    let used = 0
    let size = FIRST_BYTES
    const sizes: number[] = []
    for (let nowMs = 0; nowMs < 60; nowMs += 10) {
      const credit = useHalf(window, size, true, nowMs)!
      used += size / 2
      size = credit - used
      sizes.push(size / KIB)
    }
    assert.deepEqual(sizes, [256, 512, 1024, 2048, 2048, 2048])
    assert.equal(budget.leftBytes, (16 * 1024 - (2048 - 256)) * KIB)
    window.close()
    window.close()
    assert.equal(budget.leftBytes, 16 * 1024 * KIB)
  })

  test('stays as it is while its end is slow or has something waiting', () => {
    const budget = new WindowBudget(16 * 1024 * KIB)
    const window = new ReceiveWindow(FIRST_BYTES, budget)
    useHalf(window, FIRST_BYTES, true, 0)
    useHalf(window, FIRST_BYTES, true, 500)
    useHalf(window, FIRST_BYTES, false, 501)
    assert.equal(budget.leftBytes, 16 * 1024 * KIB)
  })

  test('leaves room for others: a step takes at most an eighth of what is left', () => {
    const budget = new WindowBudget(8 * FIRST_BYTES)
    assert.equal(budget.grow(FIRST_BYTES), FIRST_BYTES)
    assert.equal(budget.grow(FIRST_BYTES), 0)
    budget.release(FIRST_BYTES)
    assert.equal(budget.grow(FIRST_BYTES), FIRST_BYTES)
  })
})
