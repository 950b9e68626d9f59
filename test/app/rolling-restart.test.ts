import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { haproxyBinary, noHaproxy } from '../support/haproxy.ts'
import { restartUnderLoad } from './rolling-restart/scenario.ts'
import { CONFIG_FILE } from './rolling-restart/stage.ts'

test('docker/haproxy/haproxy.cfg is what HAProxy takes, without a warning', { skip: noHaproxy }, () => {
  const { status, stderr } = spawnSync(haproxyBinary(), ['-c', '-f', CONFIG_FILE], { encoding: 'utf8', env: {} })
  assert.equal(status, 0, stderr)
  assert.doesNotMatch(stderr, /warning/i)
})

test('two routers behind HAProxy, each restarted under mixed load: nothing fails, and clients come back spread', {
  skip: noHaproxy,
}, async (t) => {
  await restartUnderLoad(t, { restarts: [0, 1], drainDelayMs: 1500, drainTimeoutMs: 5000, herd: 300 })
})
