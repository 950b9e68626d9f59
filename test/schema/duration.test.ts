import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { durationMs, durationSchema } from '../../src/schema/duration.ts'
import { faultOf } from './fault-of.ts'

const UPTO_1H = durationSchema(0, 3_600_000, '5m')
const FROM_1S = durationSchema(1000, 3_600_000, '30s')
const UPTO_1H_EXPECTED = 'expected a duration from 0s to 1h, such as 5m'
const FROM_1S_EXPECTED = 'expected a duration from 1s to 1h, such as 30s'

describe('a duration', () => {
  test('is a number with a unit, or 0 without one as a number or as text', () => {
    for (const [value, ms] of [
      ['90s', 90_000],
      ['0', 0],
      [0, 0],
      ['0s', 0],
    ] as const) {
      assert.equal(durationMs(UPTO_1H.parse(value), 7), ms)
    }
    assert.equal(durationMs(UPTO_1H.optional().parse(undefined), 7), 7)
  })

  test('is left as it was written', () => {
    for (const value of ['90s', '0', 0]) assert.equal(UPTO_1H.parse(value), value)
  })

  test('of 0 is refused where that is not within the range', () => {
    assert.equal(faultOf(FROM_1S, 0), `${FROM_1S_EXPECTED}; got 0`)
    for (const value of ['0', '0s']) assert.equal(faultOf(FROM_1S, value), `${FROM_1S_EXPECTED}; got "${value}"`)
  })

  test('without a unit is told so, with an example', () => {
    for (const value of [5, 1.5, '5']) {
      const got = JSON.stringify(value)
      assert.equal(faultOf(UPTO_1H, value), `a unit is missing: ${UPTO_1H_EXPECTED}; got ${got}`)
      assert.equal(faultOf(FROM_1S, value), `a unit is missing: ${FROM_1S_EXPECTED}; got ${got}`)
    }
  })

  test('that is none is told what it should be, and what was there', () => {
    for (const [value, got] of [
      ['2h', '"2h"'],
      ['soon', '"soon"'],
      ['', '""'],
      [-1, '-1'],
      [null, 'nothing'],
      [true, 'true'],
      [['5'], 'a list'],
      [{ toString: 5 }, 'a mapping'],
      ['x'.repeat(100), `"${'x'.repeat(56)}...`],
    ] as const) {
      assert.equal(faultOf(UPTO_1H, value), `${UPTO_1H_EXPECTED}; got ${got}`)
      assert.equal(faultOf(FROM_1S, value), `${FROM_1S_EXPECTED}; got ${got}`)
    }
  })
})
