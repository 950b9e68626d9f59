import { test } from 'node:test'
import { noHaproxy } from '../support/haproxy.ts'
import { restartUnderLoad } from './rolling-restart/scenario.ts'

test('ten restarts of routers behind HAProxy, with two thousand WebSockets', { skip: noHaproxy }, async (t) => {
  const restarts = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
  await restartUnderLoad(t, { restarts, drainDelayMs: 2000, drainTimeoutMs: 10_000, herd: 2000 })
})
