import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, type Msg } from 'nats'
import { startTestApp } from '../app/start-test-app.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'

test('a client over a limit is counted in the metrics, and logged at most once a second', async (t) => {
  const { app, adminUrl, log } = await startTestApp(t, [])
  for (let i = 0; i < 3; i++) {
    const raw = await openRaw(app.httpPort)
    raw.write('GET / HTTP/1.1\r\n')
    raw.destroy()
  }
  await eventually('all are counted', async () => {
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
    assert.match(metrics, /^engine_router_buffered_bytes 0$/m)
    assert.match(metrics, /^engine_router_limited_total\{limit="connections_per_ip"\} 0$/m)
    return /^engine_router_limited_total\{limit="unfinished_head"\} 3$/m.test(metrics)
  })
  const lines = log().filter(({ msg }) => msg === 'a client is over a limit')
  assert.ok(lines.length >= 1 && lines.length <= 3)
  assert.deepEqual([lines[0]?.limit, lines[0]?.remote], ['unfinished_head', '127.0.0.1'])
})

test('exchanges are as many as they may be, and one more is busy and counted by that', async (t) => {
  const subject = `limits.exchanges.${process.pid}`
  const routes = [{ name: 'slow', match: { path: '/slow' }, subject }]
  const { app, url, adminUrl, idle } = await startTestApp(t, routes, [], undefined, { exchanges: 2 })
  const nats = await connect({ servers: await natsUrl() })
  t.after(() => nats.close())
  const asked: Msg[] = []
  nats.subscribe(subject, { callback: (_error, message) => void asked.push(message) })
  await nats.flush()
  const counted = async (code: string) => {
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
    const sample = `engine_router_exchanges_total{route="slow",kind="http",code="${code}"} `
    return Number(
      metrics
        .split('\n')
        .find((line) => line.startsWith(sample))
        ?.slice(sample.length) ?? 0,
    )
  }

  const served = [fetch(`${url}/slow`), fetch(`${url}/slow`)]
  await eventually('as many as may be', () => asked.length === 2)
  assert.equal(app.gauges().natsExchanges, 2)
  assert.equal(await counted('busy'), 0)
  const refused = await fetch(`${url}/slow`)
  assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [503, 'busy'])
  for (const message of asked) message.respond('done')
  for (const response of served) assert.equal(await (await response).text(), 'done')
  await idle()
  assert.deepEqual([await counted('busy'), await counted('ok'), asked.length], [1, 2, 2])
})
