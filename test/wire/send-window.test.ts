import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Piece, SendWindow } from '../../src/wire/send-window.ts'

const OVERHEAD_BYTES = 64

function takeAll(window: SendWindow): Piece[] {
  const pieces: Piece[] = []
  for (let piece = window.take(); piece !== undefined; piece = window.take()) pieces.push(piece)
  return pieces
}

const lengths = (pieces: readonly Piece[]) => pieces.map(({ payload }) => payload.length)

describe('SendWindow', () => {
  test('numbers pieces from 1 and counts their bytes', () => {
    const window = new SendWindow(10_000, 1000)
    window.push(new Uint8Array(5), undefined)
    window.push(new Uint8Array(6), undefined)
    assert.deepEqual(
      takeAll(window).map(({ seq }) => seq),
      [1, 2],
    )
    assert.equal(window.bytes, 11)
    assert.equal(window.next(0, false), 3)
  })

  test('cuts a chunk to what the peer takes', () => {
    const window = new SendWindow(20_000, 10_000)
    window.open(20_000, 4096)
    window.push(new Uint8Array(9000), undefined)
    assert.deepEqual(lengths(takeAll(window)), [4096, 4096, 808])
    assert.equal(window.blocked, false)
  })

  test('makes progress under a limit of no bytes', () => {
    const window = new SendWindow(20_000, -1)
    window.push(new Uint8Array(2), undefined)
    assert.deepEqual(lengths(takeAll(window)), [1, 1])
  })

  test('sends what credit covers, and the rest when it grows', () => {
    const window = new SendWindow(OVERHEAD_BYTES + 5000, 10_000)
    window.push(new Uint8Array(6000), undefined)
    assert.deepEqual(lengths(takeAll(window)), [5000])
    assert.equal(window.waitingBytes, 1000 + OVERHEAD_BYTES)
    window.grant(OVERHEAD_BYTES + 1)
    assert.deepEqual(takeAll(window), [])
    window.grant(2 * OVERHEAD_BYTES + 6000)
    assert.deepEqual(lengths(takeAll(window)), [1000])
    assert.equal(window.waitingBytes, 0)
  })

  test('cuts nothing to crumbs for a peer that grants a few bytes at a time, unless it is asked to', () => {
    const window = new SendWindow(0, 10_000)
    window.push(new Uint8Array(6000), undefined)
    for (let credit = 0; credit < OVERHEAD_BYTES + 4096; credit++) {
      window.grant(credit)
      assert.equal(window.take(), undefined)
    }
    assert.equal(window.take(1)?.payload.length, 4095)
    assert.equal(window.take(1), undefined)
  })

  test('counts what chunks of no bytes cost to keep', () => {
    const window = new SendWindow(0, 10_000)
    for (let i = 0; i < 10; i++) window.push(new Uint8Array(0), { type: 'text' })
    assert.equal(window.waitingBytes, 10 * OVERHEAD_BYTES)
  })

  test('waits when credit covers no more than the frame', () => {
    const window = new SendWindow(OVERHEAD_BYTES, 1000)
    window.push(new Uint8Array(1), undefined)
    assert.equal(window.take(), undefined)
    assert.equal(window.blocked, true)
  })

  test('sends a message of no bytes when credit covers its frame', () => {
    const window = new SendWindow(OVERHEAD_BYTES - 1, 1000)
    window.push(new Uint8Array(0), { type: 'text' })
    assert.equal(window.take(), undefined)
    window.grant(OVERHEAD_BYTES)
    assert.deepEqual(window.take(), { seq: 1, payload: new Uint8Array(0), meta: { type: 'text' } })
  })

  test('ignores a credit that is below an earlier one', () => {
    const window = new SendWindow(1000, 1000)
    window.grant(10)
    window.open(10, 1000)
    window.push(new Uint8Array(500), undefined)
    assert.deepEqual(lengths(takeAll(window)), [500])
  })

  test('marks all parts of a message but the last', () => {
    const window = new SendWindow(10_000, 4)
    window.push(Uint8Array.of(1, 2, 3, 4, 5, 6), { type: 'binary', id: '7' })
    const pieces = takeAll(window)
    assert.deepEqual(
      pieces.map(({ meta }) => meta),
      [
        { type: 'binary', id: '7', fin: false },
        { type: 'binary', id: '7' },
      ],
    )
    assert.deepEqual(Buffer.concat(pieces.map(({ payload }) => payload)), Buffer.of(1, 2, 3, 4, 5, 6))
  })

  test('gives all that waits at once if it fits one frame, and keeps it otherwise', () => {
    const window = new SendWindow(OVERHEAD_BYTES + 10, 1000)
    assert.equal(window.takeWhole()?.length, 0)
    window.push(new Uint8Array(11), undefined)
    assert.equal(window.takeWhole(), undefined)
    window.grant(OVERHEAD_BYTES + 11)
    assert.equal(window.takeWhole()?.length, 11)
    assert.equal(window.waitingBytes, 0)
    window.push(new Uint8Array(1), { type: 'text' })
    assert.equal(window.takeWhole(), undefined)
    assert.equal(window.blocked, true)
  })

  test('drops what waits when it is cleared', () => {
    const window = new SendWindow(0, 4)
    window.push(new Uint8Array(9), undefined)
    window.clear()
    assert.equal(window.blocked, false)
    assert.equal(window.waitingBytes, 0)
  })
})
