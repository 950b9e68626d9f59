import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LimitHits } from '../../src/telemetry/limit-hits.ts'
import { MetricsWriter } from '../../src/telemetry/metrics-writer.ts'
import { silentLogger } from '../support/silent-logger.ts'

test('counts each limit, and logs of each a line a second with how many were left out', () => {
  let nowMs = 0
  const lines: object[] = []
  const hits = new LimitHits({ ...silentLogger, info: (fields) => void lines.push(fields) }, () => nowMs)
  for (let i = 0; i < 5; i++) hits.onLimit('connections', `192.0.2.${i}`)
  hits.onLimit('streams', '192.0.2.9')
  hits.onLimit('unfinished_head', '192.0.2.9')
  nowMs += 1000
  hits.onLimit('connections', '192.0.2.8')
  assert.deepEqual(lines, [
    { limit: 'connections', remote: '192.0.2.0' },
    { limit: 'streams', remote: '192.0.2.9' },
    { limit: 'connections', remote: '192.0.2.8', leftOut: 4 },
  ])
  const out = new MetricsWriter()
  hits.write(out)
  assert.match(out.toString(), /^engine_router_limited_total\{limit="connections"\} 6$/m)
  assert.match(out.toString(), /^engine_router_limited_total\{limit="slow_body"\} 0$/m)
})
