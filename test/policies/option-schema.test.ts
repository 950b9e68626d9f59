import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { durationMs, durationOption } from '../../src/policies/option-schema.ts'

const UPTO_1H = durationOption(0, 3_600_000, '0 to 1h')
const FROM_1S = durationOption(1000, 3_600_000, '1s to 1h')
const EXPECTED = 'expected a duration such as `500ms` or `5m`'

function faultOf(option: typeof UPTO_1H, value: unknown): string | undefined {
  const { error } = option.safeParse(value)
  assert.ok((error?.issues.length ?? 0) <= 1)
  return error?.issues[0]?.message
}

describe('the duration options of policies', () => {
  test('take a number with a unit, and 0 without one as a number or as text', () => {
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

  test('refuse 0 where it is not within the range', () => {
    for (const value of [0, '0', '0s']) assert.equal(faultOf(FROM_1S, value), `${EXPECTED}, 1s to 1h`)
  })

  test('say that a unit is missing, with an example', () => {
    for (const value of [5, 1.5, '5']) {
      assert.equal(faultOf(UPTO_1H, value), `a unit is missing: ${EXPECTED}, 0 to 1h`)
      assert.equal(faultOf(FROM_1S, value), `a unit is missing: ${EXPECTED}, 1s to 1h`)
    }
  })

  test('say what they take of all else', () => {
    for (const value of ['2h', 'soon', '', -1, null, true, ['5'], { toString: 5 }]) {
      assert.equal(faultOf(UPTO_1H, value), `${EXPECTED}, 0 to 1h`)
      assert.equal(faultOf(FROM_1S, value), `${EXPECTED}, 1s to 1h`)
    }
  })
})
