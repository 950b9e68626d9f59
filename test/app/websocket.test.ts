import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from 'nats'
import { openSocket } from '../adapters/websocket/start-client.ts'
import { natsUrl } from '../support/nats.ts'
import { metricValue, parseMetrics } from '../telemetry/parse-metrics.ts'
import { startTestApp } from './start-test-app.ts'

test('a router serves the WebSocket routes of its table, counts them, and ends them when it stops', async (t) => {
  const subject = `t${process.pid}appws`
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  nats.subscribe(subject, { callback: (_error, message) => void message.respond(message.data) })
  await nats.flush()
  const { url, adminUrl, app } = await startTestApp(t, [
    { name: 'calc', match: { kind: 'ws', path: '/calc' }, subject, websocket: 'rpc' },
    { name: 'page', match: { path: '/page' }, subject },
  ])
  const rpc = await openSocket(`${url}/calc`)
  rpc.ws.send('1 + 1')
  assert.deepEqual(await rpc.messages(1), ['1 + 1'])
  const mux = await openSocket(`${url}/_sx`, { protocols: ['sx.v1.json'] })
  mux.ws.send('{"t":"open","id":1,"method":"POST","path":"/page","body":"hello"}')
  assert.deepEqual(
    (await mux.messages(1)).map((text) => JSON.parse(text)).map(({ t: type, status, body }) => [type, status, body]),
    [['head', 200, 'hello']],
  )
  const metrics = parseMetrics(await (await fetch(`${adminUrl}/metrics`)).text())
  assert.equal(metricValue(metrics, 'engine_router_connections', { kind: 'ws' }), 2)
  assert.equal(metricValue(metrics, 'engine_router_exchanges_total', { route: 'calc', kind: 'ws', code: 'ok' }), 1)
  await app.stop()
  assert.equal((await rpc.closed()).code, 1012)
  await mux.closed()
})
