import { test } from 'node:test'
import { noHaproxy } from '../support/haproxy.ts'
import { restartUnderLoad } from './rolling-restart/scenario.ts'

test('six restarts of routers behind HAProxy, with 1,200 WebSockets', { skip: noHaproxy }, async (t) => {
  await restartUnderLoad(t, { restarts: [0, 1, 0, 1, 0, 1], drainDelayMs: 2000, drainTimeoutMs: 10_000, herd: 1200 })
})
