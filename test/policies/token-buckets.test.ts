import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type BucketSize, TokenBucket, TokenBuckets } from '../../src/policies/token-buckets.ts'

/** Tokens one by one, in whole thousandths, as a textbook has it. */
function textbook({ tokenMs, tokens }: BucketSize) {
  let thousandths = tokens * 1000
  let lastMs = 0
  return (nowMs: number) => {
    thousandths = Math.min(tokens * 1000, thousandths + ((nowMs - lastMs) * 1000) / tokenMs)
    lastMs = nowMs
    if (thousandths < 1000 - 1e-6) return false
    thousandths -= 1000
    return true
  }
}

describe('a token bucket', () => {
  test('gives what a textbook bucket gives', () => {
    const tokenMs = fc.constantFrom(1, 10, 100, 1000 / 3, 60_000 / 7)
    const pauses = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 200 })
    fc.assert(
      fc.property(tokenMs, fc.integer({ min: 1, max: 20 }), pauses, (tokenMs, tokens, pauses) => {
        const size = { tokenMs, tokens }
        const bucket = new TokenBucket('')
        const takes = textbook(size)
        let nowMs = 0
        for (const pause of pauses) {
          nowMs += pause
          assert.equal(bucket.take(nowMs, size) === 0, takes(nowMs), `at ${nowMs}`)
        }
      }),
    )
  })

  test('says how long there is none, and then there is one', () => {
    const size = { tokenMs: 100, tokens: 2 }
    const bucket = new TokenBucket('')
    assert.deepEqual([bucket.take(0, size), bucket.take(0, size), bucket.left(0, size)], [0, 0, 0])
    assert.equal(bucket.take(30, size), 70)
    assert.equal(bucket.take(100, size), 0)
    assert.equal(bucket.left(300, size), 2)
  })

  test('gives all of its tokens at once, whatever the fractions', () => {
    for (const count of [3, 7, 30, 999_983]) {
      const size = { tokenMs: 1000 / count, tokens: Math.min(count, 1000) }
      const bucket = new TokenBucket('')
      const nowMs = 123_456_789.123
      for (let i = 0; i < size.tokens; i++) assert.equal(bucket.take(nowMs, size), 0, `${i} of ${count}`)
      assert.notEqual(bucket.take(nowMs, size), 0)
    }
  })
})

describe('the buckets of many clients', () => {
  const size = { tokenMs: 1000, tokens: 10 }

  test('are dropped when they are full again', () => {
    const buckets = new TokenBuckets(1_000_000)
    for (let i = 0; i < 20_000; i++) buckets.of(`client ${i}`, i).take(i, size)
    // Each owes for a second, so a thousand do at a time.
    assert.ok(buckets.size < 2500, `${buckets.size} are kept`)
  })

  test('are bounded, also when none is full', () => {
    const buckets = new TokenBuckets(1000)
    for (let i = 0; i < 20_000; i++) buckets.of(`client ${i}`, 0).take(0, size)
    assert.equal(buckets.size, 1000)
  })

  test('a flood of new clients does not drive out one that has taken all it may', () => {
    const buckets = new TokenBuckets(1000)
    const greedy = buckets.of('greedy', 0)
    while (greedy.take(0, size) === 0);
    for (let i = 0; i < 100_000; i++) buckets.of(`flood ${i}`, 0).take(0, size)
    assert.equal(buckets.of('greedy', 0), greedy)
  })

  test('a client that is kept has its own bucket each time', () => {
    const buckets = new TokenBuckets(1000)
    const first = buckets.of('a', 0)
    first.take(0, size)
    assert.equal(buckets.of('a', 1), first)
    assert.notEqual(buckets.of('b', 1), first)
  })
})
