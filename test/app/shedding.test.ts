import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from 'nats'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { openSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { startRouterWithRoutes } from './router-with-routes.ts'

const P = `t${process.pid}shedding`
const BEGINS = 'more requests than this router can serve: some get busy'
const ENDS = 'this router can serve all requests again'
/** So few that no turn is as long as the default of `loopDelay`: the setting is what counts. */
const CLIENTS = 4
const LEAST_REFUSED = 5
const TIMEOUT_MS = 30_000
/** Of one client, for longer than it takes to be too much. */
const EASY_REQUESTS = 300
const EASY_MS = 1200

/**
 * To find out that none of these routes takes a request keeps a router for many times `loopDelay`, on any machine: each asks
 * for fields that come late in a long list of names which differ at their end alone, and then for one that is not there.
 */
const FIELDS = Array.from({ length: 88 }, (_, i) => `a-header-field-of-many-alike-${i + 100}`)
const CONDITIONS = Object.fromEntries(FIELDS.slice(-15).map((name) => [name, '*']))
/** The database keeps the keys of a mapping in the order of their length. */
const LAST = `${FIELDS[0]}-that-nobody-sends`
const HARD: readonly RouteDocument[] = Array.from({ length: 400 }, (_, i) => ({
  name: `hard-${i}`,
  match: { path: '/work', headers: { ...CONDITIONS, [LAST]: `${i}` } },
  subject: 'nobody',
}))
const HEADERS = Object.fromEntries(FIELDS.map((name) => [name, 'v']))

interface Answer {
  readonly status: number
  readonly retryAfter: string | null
  readonly body: string
}

async function ask(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.text() }
}

test('a router whose clients ask more than it can serve refuses some of it, and all are served when they ask less', async (t) => {
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  nats.subscribe(`${P}.>`, { callback: (_error, message) => void message.respond('done') })
  await nats.flush()
  const router = await startRouterWithRoutes(
    t,
    [...HARD, { name: 'easy', match: { path: '/easy' }, subject: `${P}.easy` }],
    { limits: { loopDelay: '1ms' } },
  )
  const isShedding = async () => (await router.metric('engine_router_shedding')) === 1
  const work = () => ask(`${router.url}/work`, HEADERS)
  const mux = await openSocket(`${router.url}/_sx`, { protocols: ['sx.v1.json'] })
  t.after(() => mux.ws.terminate())
  /** The first frame of the answer: a head, or a reset. */
  const easyOverMux = async (id: number) => {
    mux.ws.send(JSON.stringify({ t: 'open', id, path: '/easy' }))
    const answer = () => mux.texts.find((text) => text.includes(`"id":${id},`))
    while (answer() === undefined) await mux.messages(mux.texts.length + 1)
    return JSON.parse(answer()!) as { readonly t: string; readonly code?: string }
  }
  const easy = () => ask(`${router.url}/easy`)

  const beganMs = performance.now()
  for (let i = 0; i < EASY_REQUESTS || performance.now() - beganMs < EASY_MS; i++) {
    assert.equal((await easy()).status, 200)
  }
  assert.equal((await work()).status, 404)
  assert.equal(await isShedding(), false)
  assert.equal(await router.metric('engine_router_shed_total'), 0)

  const answers: Answer[] = []
  let isOver = false
  const client = async () => {
    while (!isOver) answers.push(await work())
  }
  const clients = Array.from({ length: CLIENTS }, client)
  const count = (status: number) => answers.filter((answer) => answer.status === status).length
  try {
    await eventually('it refuses some', async () => count(503) >= LEAST_REFUSED && (await isShedding()), {
      timeoutMs: TIMEOUT_MS,
    })
    let id = 1
    const refusal = await eventually(
      'one over a multiplexed connection too',
      async () => {
        const frame = await easyOverMux(id++)
        return frame.t === 'reset' ? frame : undefined
      },
      { timeoutMs: TIMEOUT_MS },
    )
    assert.equal(refusal.code, 'busy')
  } finally {
    isOver = true
    await Promise.all(clients)
  }
  const refused = answers.filter(({ status }) => status !== 404)
  for (const { status, retryAfter, body } of refused) {
    assert.deepEqual([status, retryAfter, JSON.parse(body).code], [503, '1', 'busy'])
  }
  assert.ok(count(404) > 0, 'others are served')
  assert.ok(router.logged('warn').includes(BEGINS))
  await eventually('all are counted', async () => {
    const counted = [await router.metric('engine_router_shed_total'), await router.counted('busy')]
    return counted.every((value) => value === refused.length + 1)
  })

  await eventually(
    'it serves all again',
    async () => {
      if (await isShedding()) return false
      // It notices with the next request.
      assert.equal((await easy()).status, 200)
      return router.logged('info').includes(ENDS)
    },
    { timeoutMs: TIMEOUT_MS },
  )
  assert.equal((await work()).status, 404)
  assert.equal(await isShedding(), false)
  assert.equal(await router.metric('engine_router_shed_total'), refused.length + 1)
})
