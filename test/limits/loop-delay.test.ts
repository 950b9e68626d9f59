import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Admission } from '../../src/routing/admission.ts'

const LOOP_DELAY_MS = 50
/** For which turns have to be too long. */
const PATIENCE_MS = 500

/** An event loop all of whose time is work of this thread; a turn begins with a request. */
function createLoop() {
  let nowMs = 0
  let endTurn = () => {}
  const admission = new Admission({
    maxLoopDelayMs: LOOP_DELAY_MS,
    now: () => nowMs,
    workedMs: () => nowMs,
    afterTurn(callback) {
      endTurn = callback
    },
    afterRound() {},
    random: () => 0,
    onChange() {},
  })
  return {
    admission,
    turns(count: number, ms: number) {
      for (let i = 0; i < count; i++) {
        assert.ok(admission.admits())
        nowMs += ms
        endTurn()
      }
    },
  }
}

describe('turns of the event loop', () => {
  test('may be as long as they may for as long as they like', () => {
    const { admission, turns } = createLoop()
    turns(1000, LOOP_DELAY_MS - 1)
    assert.equal(admission.isShedding, false)
  })

  test('may be longer for half a second, and then requests are refused', () => {
    const { admission, turns } = createLoop()
    turns(PATIENCE_MS / LOOP_DELAY_MS - 1, LOOP_DELAY_MS)
    assert.equal(admission.isShedding, false)
    turns(1, LOOP_DELAY_MS)
    assert.equal(admission.isShedding, true)
  })

  test('may be longer for ever if there are shorter ones between them', () => {
    const { admission, turns } = createLoop()
    for (let i = 0; i < 100; i++) {
      turns(PATIENCE_MS / LOOP_DELAY_MS - 1, LOOP_DELAY_MS)
      turns(1, LOOP_DELAY_MS - 1)
    }
    assert.equal(admission.isShedding, false)
  })
})
