import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runAbortStorm } from '../support/abort-storm.ts'

test('the only place of a route is free after a storm of clients that go away at any moment', async () => {
  await runAbortStorm(3000, {
    policies: [
      { kind: 'concurrency', options: { max: 1, maxPerClient: 1 } },
      { kind: 'rateLimit', options: { rate: '1000000/s', report: true } },
      { kind: 'circuitBreaker', options: { failureRatio: 1, minExchanges: 1_000_000 } },
    ],
    async afterwards({ url }) {
      const statuses: number[] = []
      for (const path of ['/one', '/many', '/silent', '/nobody', '/one']) {
        statuses.push((await fetch(url + path, { method: 'POST', body: 'x' })).status)
      }
      assert.deepEqual(statuses, [200, 200, 504, 503, 200])
    },
  })
})
