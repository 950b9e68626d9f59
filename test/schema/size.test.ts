import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sizeBytes, sizeSchema } from '../../src/schema/size.ts'
import { faultOf } from './fault-of.ts'

const BOUNDED = sizeSchema(1024, 1024 ** 2, '16KiB')
const UNBOUNDED = sizeSchema(0, Infinity, '10MiB')

describe('a size', () => {
  test('is a number with a unit, or bytes as a number or as text', () => {
    for (const [value, bytes] of [
      ['1.5KiB', 1536],
      ['2000', 2000],
      [4096, 4096],
    ] as const) {
      assert.equal(sizeBytes(BOUNDED.parse(value)), bytes)
      assert.equal(BOUNDED.parse(value), value)
    }
    assert.equal(sizeBytes(UNBOUNDED.parse(0)), 0)
    assert.equal(sizeBytes(UNBOUNDED.parse(Number.MAX_SAFE_INTEGER)), Number.MAX_SAFE_INTEGER)
  })

  test('that is none, or out of bounds, is told what it should be, and what was there', () => {
    for (const [value, got] of [
      ['1KB', '"1KB"'],
      ['2MiB', '"2MiB"'],
      [1023, '1023'],
      [2048.5, '2048.5'],
      ['1 meg', '"1 meg"'],
      [null, 'nothing'],
      [[1024], 'a list'],
    ] as const) {
      assert.equal(faultOf(BOUNDED, value), `expected a size from 1KiB to 1MiB, such as 16KiB; got ${got}`)
    }
    assert.equal(faultOf(UNBOUNDED, -1), 'expected a size of 0B or more, such as 10MiB; got -1')
    assert.equal(faultOf(UNBOUNDED, 1e21), 'expected a size of 0B or more, such as 10MiB; got 1e+21')
  })
})
