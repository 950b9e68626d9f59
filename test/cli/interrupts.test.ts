import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createInterrupts } from '../../src/cli/interrupts.ts'

describe('interrupts', () => {
  function setUp() {
    const clock = { nowMs: 0 }
    let kills = 0
    const interrupts = createInterrupts({ now: () => clock.nowMs, kill: () => kills++ })
    return { clock, interrupts, kills: () => kills }
  }

  test('the first one aborts the signal and kills nothing', () => {
    const { interrupts, kills } = setUp()
    assert.equal(interrupts.signal.aborted, false)
    interrupts.onInterrupt()
    assert.equal(interrupts.signal.aborted, true)
    assert.equal(kills(), 0)
  })

  test('a copy of the same key press does not count as the second', () => {
    const { clock, interrupts, kills } = setUp()
    interrupts.onInterrupt()
    clock.nowMs = 20
    interrupts.onInterrupt()
    assert.equal(kills(), 0)
  })

  test('a second one kills', () => {
    const { clock, interrupts, kills } = setUp()
    interrupts.onInterrupt()
    clock.nowMs = 501
    interrupts.onInterrupt()
    assert.equal(kills(), 1)
  })
})
