import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect } from 'nats'
import { parseRoute, type RouteSpec } from '../../src/routing/spec.ts'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'

const P = `t${process.pid}swap`
const ROUTES = 10_000
const CLIENTS = 16
/** Before the next swap, so that each table serves some. */
const REQUESTS_PER_SWAP = 40

/** Swaps tables of 10,000 routes under load: no request is lost, and each is answered by one table alone. */
export async function swapTables(t: TestContext, count: number): Promise<void> {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  // The answer is the subject, whose second token is the revision.
  nats.subscribe(`${P}.>`, { callback: (_error, message) => void message.respond(message.subject) })
  await nats.flush()
  const gateway = await startGateway({ natsUrl: await natsUrl(), routes: [] })
  t.after(() => gateway.close())

  const routes = Array.from({ length: ROUTES }, (_, n) => parsed(n))
  let revision = 0
  const swap = () => {
    revision++
    gateway.setSpecs(
      routes.map((route) => ({ ...route, subject: route.subject.replace('REVISION', String(revision)) })),
    )
  }
  swap()

  let done = false
  let answered = 0
  const client = async (seed: number) => {
    for (let n = seed; !done; n = (n + 7919) % ROUTES) {
      const from = revision
      const response = await fetch(`${gateway.url}/r${n}/x${seed}`)
      const [, served, ...rest] = (await response.text()).split('.')
      assert.equal(response.status, 200)
      assert.deepEqual(rest, [String(n), `x${seed}`])
      assert.ok(Number(served) >= from && Number(served) <= revision, `${served} is not in ${from}..${revision}`)
      answered++
    }
  }
  const swaps = async () => {
    while (!done && revision <= count) {
      for (const enough = answered + REQUESTS_PER_SWAP; !done && answered < enough; ) await nextTurn()
      swap()
    }
  }
  const clients = Promise.all(Array.from({ length: CLIENTS }, (_, seed) => client(seed)))
  await Promise.race([swaps(), clients]).finally(() => {
    done = true
  })
  await clients

  assert.equal(gateway.ended.length, answered)
  assert.ok(gateway.ended.every(({ code }) => code === 'ok'))
  await gateway.assertIdle()
}

function parsed(n: number): RouteSpec {
  const result = parseRoute({ name: `r${n}`, match: { path: `/r${n}/{id}` }, subject: `${P}.REVISION.${n}.{id}` })
  assert.ok(result.ok)
  return result.spec
}
