import assert from 'node:assert/strict'
import { test } from 'node:test'
import { medianBy } from '../../src/bench/median.ts'
import type { OpenLoopResult } from '../../src/bench/open-loop.ts'
import { type Ask, ask, startBlockingRouter, startServedRouter } from './overload.ts'

/** More than can be waiting, so that what is due never waits for a connection. */
const CLIENTS = 4000
/** In which clients connect, and the router notices what comes. */
const WARM_UP_S = 5
/** What the machine can do changes from minute to minute: normal, peak and overload are measured in turns. */
const ROUNDS = 5
/** A minute of it in all. */
const OVERLOAD_S = 12

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
    const capacity = await findCapacity(router, load)
    const rounds: Record<'normal' | 'peak' | 'over', OpenLoopResult[]> = { normal: [], peak: [], over: [] }
    for (let round = 0; round < ROUNDS; round++) {
      rounds.normal.push(await load(0.8 * capacity, 5))
      rounds.peak.push(await load(capacity, 5))
      rounds.over.push(await load(1.1 * capacity, OVERLOAD_S))
    }
    const [normal, peak, over] = [median(rounds.normal), median(rounds.peak), median(rounds.over)]
    t.diagnostic(JSON.stringify({ capacity, normal, peak, over, rounds }))
    assert.deepEqual(
      Object.values(rounds).flatMap((results) => results.map(({ errors }) => errors)),
      new Array(3 * ROUNDS).fill(0),
    )
    assert.equal(normal.refusedPart, 0)
    assert.ok(over.goodput >= 0.9 * peak.goodput, `${over.goodput} of ${peak.goodput} requests/s`)
    assert.ok(over.p99Ms < 5 * normal.p99Ms, `${over.p99Ms} ms, where ${normal.p99Ms} is normal`)
  })
}

/** Of each figure by itself. */
function median(results: readonly OpenLoopResult[]): OpenLoopResult {
  const of = (key: keyof OpenLoopResult) => medianBy(results, (result) => result[key])[key]
  return {
    goodput: of('goodput'),
    refusedPart: of('refusedPart'),
    errors: of('errors'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
  }
}

/** The most that is served each second, whatever comes of so many clients. */
async function findCapacity(router: Ask, load: (requestsPerSecond: number, seconds: number) => ReturnType<Ask>) {
  const all = { requestsPerSecond: Number.POSITIVE_INFINITY, connections: 64, seconds: 5, warmUpSeconds: WARM_UP_S }
  const { goodput: ofFew } = await router(all)
  let most = 0
  for (let part = 0.7; part < 1.25; part += 0.1) most = Math.max(most, (await load(part * ofFew, 5)).goodput)
  return most
}
