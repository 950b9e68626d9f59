import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, startBlockingRouter } from './overload.ts'

/** Each holds the router up for half a millisecond. */
const TOO_MANY = 2500

// How near the peak and how quick it stays is for overload.soak.ts to say, on a machine that does nothing else; here others
// may have the machine for a while, which is in the slowest, and not in the median. A router that refuses nothing has more
// than a second's worth of requests waiting at half-time.
test('a router with too many requests refuses some, and serves most of the others soon', {
  timeout: 60_000,
}, async (t) => {
  const router = await ask(t, startBlockingRouter)
  const { goodput: peak } = await router({
    requestsPerSecond: Number.POSITIVE_INFINITY,
    connections: 16,
    seconds: 2,
    warmUpSeconds: 1,
  })
  const over = await router({ requestsPerSecond: TOO_MANY, connections: 1000, seconds: 5, warmUpSeconds: 2 })
  t.diagnostic(JSON.stringify({ peak, over }))
  assert.equal(over.errors, 0)
  assert.ok(over.refusedPart > 0.1, `${over.refusedPart} refused`)
  assert.ok(over.goodput > 0.25 * peak, `${over.goodput} of ${peak} requests/s`)
  assert.ok(over.p50Ms < 500, `${over.p50Ms} ms`)
})
