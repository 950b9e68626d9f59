import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../app/start-test-app.ts'
import { eventually } from '../support/eventually.ts'
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
