import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ask, ask, startBlockingRouter, startServedRouter } from './overload.ts'

/** More than can be waiting, so that what is due never waits for a connection. */
const CLIENTS = 4000
/** In which clients connect, and the router notices what comes. */
const WARM_UP_S = 5

const CASES = [
  ['a router whose requests hold it up for a fixed time', startBlockingRouter],
  ['a router as it is served, with policies', startServedRouter],
] as const

/** The machine must do nothing else meanwhile. */
for (const [name, start] of CASES) {
  test(`at 110% of its capacity ${name} serves 90% of the peak, about as quickly as ever`, {
    timeout: 10 * 60_000,
  }, async (t) => {
    const router = await ask(t, start)
    const load = (requestsPerSecond: number, seconds: number) =>
      router({ requestsPerSecond, connections: CLIENTS, seconds, warmUpSeconds: WARM_UP_S })
    const peak = await findPeak(router, load)
    const normal = await load(0.8 * peak, 20)
    const over = await load(1.1 * peak, 60)
    t.diagnostic(JSON.stringify({ peak, normal, over }))
    assert.equal(normal.errors + over.errors, 0)
    assert.equal(normal.refusedPart, 0)
    assert.ok(over.goodput >= 0.9 * peak, `${over.goodput} of ${peak} requests/s`)
    assert.ok(over.p99Ms < 5 * normal.p99Ms, `${over.p99Ms} ms, where ${normal.p99Ms} is normal`)
  })
}

/** The most that is served each second, whatever comes of so many clients. */
async function findPeak(router: Ask, load: (requestsPerSecond: number, seconds: number) => ReturnType<Ask>) {
  const all = { requestsPerSecond: Number.POSITIVE_INFINITY, connections: 64, seconds: 5, warmUpSeconds: WARM_UP_S }
  const { goodput: ofFew } = await router(all)
  let peak = 0
  for (let part = 0.7; part < 1.25; part += 0.1) peak = Math.max(peak, (await load(part * ofFew, 5)).goodput)
  return peak
}
