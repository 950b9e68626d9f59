import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureOverload } from './overload.ts'

/** The machine must do nothing else meanwhile. */
test('at 110% of its capacity a router serves 90% of the peak, about as quickly as ever', {
  timeout: 5 * 60_000,
}, async (t) => {
  const { peak, normal, over } = await measureOverload(t, { seconds: 60, demand: (peak) => 1.1 * peak })
  t.diagnostic(JSON.stringify({ peak, normal, over }))
  assert.equal(over.errors, 0)
  assert.equal(normal.refusedPart, 0)
  assert.ok(over.goodput >= 0.9 * peak, `${over.goodput} of ${peak} requests/s`)
  assert.ok(over.p99Ms < 5 * normal.p99Ms, `${over.p99Ms} ms, where ${normal.p99Ms} is normal`)
})
