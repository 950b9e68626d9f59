import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { RequestHead } from '../../src/exchange/exchange.ts'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { createMatch } from '../../src/routing/table.ts'
import { request, route, specOf, tableOf } from './routes.ts'

const ROUTES = 10_000
const ROUNDS = 8
const HEADERS = ['host', 'h', 'accept', '*/*', 'user-agent', 'test', 'x-tier', 'gold']

/** Five shapes by turns, and for each a request that it takes. */
function realisticRoute(n: number): { document: RouteDocument; head: Partial<RequestHead> } {
  const name = `r${n}`
  switch (n % 5) {
    case 0:
      return {
        document: route(name, `/svc${n}/items/list`, { methods: ['GET'] }),
        head: { path: `/svc${n}/items/list` },
      }
    case 1: {
      const document = route(name, `/svc${n % 500}/v${n}/{id}/edit`, { methods: ['POST', 'PUT'] })
      return {
        document: { ...document, subject: `svc.${n}.{id}.edit` },
        head: { method: 'PUT', path: `/svc${n % 500}/v${n}/a%2Db/edit` },
      }
    }
    case 2:
      return {
        document: { ...route(name, `/files${n}/{rest...}`), subject: `files.${n}.{rest}` },
        head: { path: `/files${n}/a/b/c-d` },
      }
    case 3:
      return {
        document: { ...route(name, '/{a}/{b}', { host: `h${n}.example.com` }), subject: `h.{b}.{a}` },
        head: { host: `h${n}.example.com`, path: '/eu/order-17' },
      }
    default: {
      const document = route(name, '/orders/{id}', { host: `*.t${n}.example.org`, headers: { 'x-tier': 'gold' } })
      return {
        document: { ...document, subject: `t.${n}.{id}` },
        head: { host: `a.t${n}.example.org`, path: '/orders/123456' },
      }
    }
  }
}

/** The best of several rounds, and of more where the bar is missed: the machine may be busy with other things. */
async function bestMs(run: () => void, barMs: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS || (best >= barMs && round < ROUNDS * 10); round++) {
    const beganMs = performance.now()
    run()
    best = Math.min(best, performance.now() - beganMs)
    // Others share the machine: some moments are quieter than this one.
    await delay(10)
  }
  return best
}

/** What `referenceWork` takes on the machine that the bars are for. */
const REFERENCE_MS = 1.25
const paths = Array.from({ length: 10_000 }, (_, n) => `/tenants/t${n}/orders/${n * 7}/items`)
const numbers = new Map(paths.map((path, n) => [path.split('/')[2], n]))
let sum = 0

/** Of the kind that is measured: text that is cut, and looked up among much. */
function referenceWork(): void {
  for (const path of paths) sum += numbers.get(path.split('/')[2]) ?? 0
}

/** How much slower this machine is, at this time, than the one that the bars are for; 1 if it is not. */
async function slowness(): Promise<number> {
  const factor = (await bestMs(referenceWork, REFERENCE_MS)) / REFERENCE_MS
  assert.ok(sum > 0)
  return Math.max(1, factor)
}

describe(`${ROUTES} routes`, () => {
  const shapes = Array.from({ length: ROUTES }, (_, n) => realisticRoute(n))
  const specs = shapes.map(({ document }) => specOf(document))
  const heads = shapes.map(({ head }) => request({ headers: HEADERS, ...head }))

  test('compile in less than 300 ms', async () => {
    const barMs = 300 * (await slowness())
    const ms = await bestMs(() => tableOf(specs), barMs)
    assert.ok(ms < barMs, `${ms} of ${barMs} ms`)
  })

  test('are matched in less than 2 us on average', async () => {
    const table = tableOf(specs)
    const match = createMatch()
    for (const [n, head] of heads.entries()) {
      table.match(head, match)
      assert.equal(match.route?.name, `r${n}`)
      assert.equal(match.error, undefined)
    }
    const barUs = 2 * (await slowness())
    const barMs = (barUs * ROUTES) / 1000
    const ms = await bestMs(() => heads.forEach((head) => void table.match(head, match)), barMs)
    const us = (ms * 1000) / ROUTES
    assert.ok(us < barUs, `${us} of ${barUs} us`)
  })
})
