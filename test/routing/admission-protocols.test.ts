import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect } from 'nats'
import { WebSocket } from 'ws'
import { Admission } from '../../src/routing/admission.ts'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'

const P = `t${process.pid}admission`

test('a router with too many requests refuses them over HTTP, rpc and mux alike, and tells backends nothing', async (t) => {
  let nowMs = 0
  let onTurnEnd = () => {}
  const admission = new Admission({
    maxLoopDelayMs: 20,
    now: () => nowMs,
    workedMs: () => nowMs,
    afterTurn: (callback) => {
      onTurnEnd = callback
    },
    afterRound: (callback) => {
      onTurnEnd = callback
    },
    random: () => 0,
    onChange() {},
  })
  const gateway = await startGateway({
    natsUrl: await natsUrl(),
    routes: [
      { name: 'one', match: { path: '/one' }, subject: `${P}.one` },
      { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: `${P}.rpc`, websocket: 'rpc' },
    ],
    admit: (service) => admission.protect(service),
    gate: admission,
  })
  t.after(() => gateway.close())
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  let asked = 0
  nats.subscribe(`${P}.>`, {
    callback: (_error, message) => {
      asked++
      message.respond('yes')
    },
  })
  await nats.flush()

  // Turns that take too long, until it has had enough; the last one goes on and on.
  while (!admission.isShedding) {
    assert.equal((await fetch(`${gateway.url}/one`)).status, 200)
    nowMs += 50
    onTurnEnd()
  }
  assert.equal((await fetch(`${gateway.url}/one`)).status, 200)
  nowMs += 50
  onTurnEnd()
  const askedBefore = asked

  const response = await fetch(`${gateway.url}/one`)
  assert.equal(response.status, 503)
  assert.equal(response.headers.get('retry-after'), '1')
  assert.equal(((await response.json()) as { code: string }).code, 'busy')

  const rpc = new WebSocket(`${gateway.url.replace('http', 'ws')}/rpc`)
  await once(rpc, 'open')
  rpc.send('a request')
  const [closeCode] = (await once(rpc, 'close')) as [number]
  assert.equal(closeCode, 4503)

  const mux = new WebSocket(`${gateway.url.replace('http', 'ws')}/_sx`, 'sx.v1.json')
  await once(mux, 'open')
  mux.send(JSON.stringify({ t: 'open', id: 1, method: 'GET', path: '/one' }))
  const [frame] = (await once(mux, 'message')) as [Buffer]
  assert.partialDeepStrictEqual(JSON.parse(frame.toString()), { t: 'reset', id: 1, code: 'busy', status: 503 })
  mux.close()

  assert.equal(asked, askedBefore)
  assert.equal(admission.refused, 3)
  while (admission.isShedding) {
    await fetch(`${gateway.url}/one`)
    onTurnEnd()
    nowMs += 100
  }
  assert.equal((await fetch(`${gateway.url}/one`)).status, 200)
  await gateway.assertIdle()
})
