import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turnOver } from 'node:timers/promises'
import { BlockPool } from '../../src/nats/block-pool.ts'

const BLOCK_BYTES = 64 * 1024

describe('BlockPool', () => {
  test('copies as much of a chunk as fits into a block', () => {
    const chunk = Buffer.alloc(BLOCK_BYTES + 10, 'x')
    const pool = new BlockPool()
    const first = pool.copy(chunk)
    assert.equal(first.length, BLOCK_BYTES)
    const rest = pool.copy(chunk.subarray(first.length))
    chunk.fill('-')
    assert.deepEqual(
      [Buffer.from(first).toString(), Buffer.from(rest).toString()],
      ['x'.repeat(BLOCK_BYTES), 'x'.repeat(10)],
    )
  })

  test('uses a block again when the last part of its chunk is sent and the turn is over, and not before', async () => {
    const pool = new BlockPool()
    const copy = pool.copy(Buffer.from('abcdef'))
    pool.onSent(copy.subarray(0, 3))
    await turnOver()
    assert.notEqual(pool.copy(Buffer.from('x')).buffer, copy.buffer)
    pool.onSent(copy.subarray(3))
    assert.notEqual(pool.copy(Buffer.from('x')).buffer, copy.buffer)
    await turnOver()
    assert.equal(pool.copy(Buffer.from('x')).buffer, copy.buffer)
  })

  test('takes no memory that it has not lent', async () => {
    const pool = new BlockPool()
    const foreign = Buffer.alloc(BLOCK_BYTES)
    pool.onSent(foreign)
    await turnOver()
    assert.notEqual(pool.copy(Buffer.from('x')).buffer, foreign.buffer)
  })
})
