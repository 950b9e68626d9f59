import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HeaderList } from '../../src/exchange/exchange.ts'
import { rateLimit } from '../../src/policies/rate-limit.ts'
import { testRequest } from '../support/test-request.ts'
import { stagePolicy } from './policy-stage.ts'

describe('rateLimit policy', () => {
  const passes = (stage: ReturnType<typeof stagePolicy>, over?: Parameters<typeof testRequest>[0]) =>
    stage.begin(testRequest(over)).client.heard.length === 0

  test('lets a burst pass, and then as many as the rate says', () => {
    const stage = stagePolicy(rateLimit, { rate: '10/s', burst: 3 })
    const burst = [1, 2, 3, 4].map(() => passes(stage))
    assert.deepEqual(burst, [true, true, true, false])
    stage.pass(100)
    assert.deepEqual([passes(stage), passes(stage)], [true, false])
    assert.deepEqual(stage.begin().client.heard, ['reset rate_limited'])
  })

  test('counts by minute and hour, with a burst of all of it by default', () => {
    for (const [rate, tokenMs] of [
      ['2/m', 30_000],
      ['2/h', 1_800_000],
    ] as const) {
      const stage = stagePolicy(rateLimit, { rate })
      assert.deepEqual([passes(stage), passes(stage), passes(stage)], [true, true, false])
      stage.pass(tokenMs - 1)
      assert.equal(passes(stage), false)
      stage.pass(1)
      assert.equal(passes(stage), true)
    }
  })

  test('says when to come back', () => {
    const stage = stagePolicy(rateLimit, { rate: '1/m' })
    passes(stage)
    stage.pass(500)
    const head = testRequest()
    const { client } = stage.begin(head)
    assert.equal(client.errors[0]?.retryAfterS, 60)
    assert.deepEqual(head.responseHeaders, [
      'ratelimit-limit',
      '1',
      'ratelimit-remaining',
      '0',
      'ratelimit-reset',
      '60',
    ])
  })

  test('counts each client for itself, or all of the route', () => {
    const byIp = stagePolicy(rateLimit, { rate: '1/h' })
    assert.deepEqual([passes(byIp), passes(byIp, { remote: '192.0.2.2' }), passes(byIp)], [true, true, false])
    const byRoute = stagePolicy(rateLimit, { rate: '1/h', by: 'route' })
    assert.deepEqual([passes(byRoute), passes(byRoute, { remote: '192.0.2.2' })], [true, false])
    const bySubject = stagePolicy(rateLimit, { rate: '1/h', by: 'subject' })
    const identity = bySubject.identity('alice')
    assert.deepEqual(
      [passes(bySubject, { identity }), passes(bySubject, { identity, remote: '192.0.2.2' }), passes(bySubject)],
      [true, false, true],
    )
  })

  test('reports what is left, of two limits the scarcer', () => {
    const wide = stagePolicy(rateLimit, { rate: '100/h', report: true })
    const narrow = stagePolicy(rateLimit, { rate: '10/h', report: true })
    const told = (order: readonly (typeof wide)[]) => {
      const head = testRequest({ responseHeaders: ['vary', 'origin'] })
      for (const stage of order) stage.begin(head)
      return head.responseHeaders as HeaderList
    }
    const first = told([wide, narrow])
    assert.deepEqual(first.slice(0, 6), ['vary', 'origin', 'ratelimit-limit', '10', 'ratelimit-remaining', '9'])
    assert.deepEqual(told([narrow, wide]).slice(0, 6), [...first.slice(0, 5), '8'])
  })

  test('says nothing of what is left unless it is told to', () => {
    const stage = stagePolicy(rateLimit, { rate: '10/s' })
    const head = testRequest()
    stage.begin(head)
    assert.equal(head.responseHeaders, undefined)
  })

  for (const rate of ['0/s', '10', '10/d', '1.5/s', '10 / s', '-1/s', '99999999/s']) {
    test(`refuses the rate ${rate}`, () => assert.equal(rateLimit.schema.safeParse({ rate }).success, false))
  }
})
