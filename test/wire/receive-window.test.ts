import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ReceiveWindow } from '../../src/wire/receive-window.ts'

const WINDOW_BYTES = 1000
const OVERHEAD_BYTES = 64

describe('ReceiveWindow', () => {
  test('takes each number once and in order', () => {
    const window = new ReceiveWindow(WINDOW_BYTES)
    assert.equal(window.arrive('data', 1, 10), 'deliver')
    assert.equal(window.arrive('data', 1, 10), 'duplicate')
    assert.equal(window.arrive('data', 3, 10), 'gap')
    assert.equal(window.arrive('data', 2, 10), 'deliver')
    assert.equal(window.bytes, 20)
  })

  test('tells data that credit does not cover', () => {
    const window = new ReceiveWindow(WINDOW_BYTES)
    assert.equal(window.arrive('data', 1, WINDOW_BYTES - OVERHEAD_BYTES), 'deliver')
    assert.equal(window.arrive('data', 2, 0), 'overrun')
  })

  test('takes a head and an end without credit, and counts the head', () => {
    const window = new ReceiveWindow(WINDOW_BYTES)
    assert.equal(window.arrive('head', 1, WINDOW_BYTES), 'deliver')
    assert.equal(window.arrive('end', 2, 0), 'deliver')
    const other = new ReceiveWindow(WINDOW_BYTES)
    other.arrive('head', 1, WINDOW_BYTES)
    assert.equal(other.arrive('data', 2, 1), 'overrun')
  })

  test('grants anew when half of the window is used up, and never more than the window ahead', () => {
    const window = new ReceiveWindow(WINDOW_BYTES)
    assert.equal(window.use(WINDOW_BYTES / 2 - OVERHEAD_BYTES - 1), undefined)
    assert.equal(window.granted, WINDOW_BYTES)
    assert.equal(window.use(0), WINDOW_BYTES / 2 - 1 + OVERHEAD_BYTES + WINDOW_BYTES)
    assert.equal(window.granted, 1563)
  })

  test('agrees with a position that has come, and with none that is ahead or has another total', () => {
    const window = new ReceiveWindow(WINDOW_BYTES)
    window.arrive('data', 1, 10)
    window.arrive('data', 2, 10)
    assert.equal(window.agrees(2, 20), true)
    assert.equal(window.agrees(1, 10), true)
    assert.equal(window.agrees(2, 19), false)
    assert.equal(window.agrees(3, 30), false)
  })
})
