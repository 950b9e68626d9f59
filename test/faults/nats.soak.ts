import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { openDuplex } from './duplex-request.ts'
import { startStage } from './stage.ts'

/** Two pings of the router's connection without an answer, five seconds apart, and one more. */
const NOTICED_WITHIN_MS = 20_000

test('nats-server frozen for 30 s: not ready when the router has noticed, 503 at once, and it comes back', async (t) => {
  const stage = await startStage(t)
  const { router } = stage
  stage.client.subscribe('plain', { callback: (_error, message) => void message.respond('here') })
  await stage.client.flush()
  await stage.startBackend(t)
  const open = await openDuplex(t, `${router.url}/sx/echo`, 'before ')
  stage.nats.pause()
  const thawed = delay(30_000).then(() => stage.nats.resume())
  await eventually('not ready', async () => (await router.readiness()).status === 503, { timeoutMs: NOTICED_WITHIN_MS })
  assert.equal((await fetch(`${router.adminUrl}/healthz`)).status, 200)
  assert.equal((await stage.ask('/plain')).code, 'nats_unavailable')
  // Without NATS for more than ten seconds.
  assert.equal(await open.over, 'cut')
  await thawed
  await eventually('it is back', async () => (await stage.ask('/plain')).text === 'here', { timeoutMs: 10_000 })
  await stage.assertCalm()
})

test('an idle stream of a backend that was killed: it is cut when the router has asked in vain', async (t) => {
  const stage = await startStage(t)
  const backend = await stage.startBackend(t)
  const open = await openDuplex(t, `${stage.router.url}/sx/echo`, 'before ')
  const beganMs = performance.now()
  backend.signalGroup('SIGKILL')
  assert.equal(await open.over, 'cut')
  const tookMs = performance.now() - beganMs
  assert.ok(tookMs < 15_000, `after ${tookMs} ms`)
  assert.equal(await stage.counted('stream', 'backend_lost'), 1)
  await stage.assertCalm()
})

test('an idle stream of a backend that is frozen: it is cut after 30 s of silence', async (t) => {
  const stage = await startStage(t)
  const backend = await stage.startBackend(t)
  const open = await openDuplex(t, `${stage.router.url}/sx/echo`, 'before ')
  const beganMs = performance.now()
  backend.signalGroup('SIGSTOP')
  assert.equal(await open.over, 'cut')
  const tookMs = performance.now() - beganMs
  assert.ok(tookMs > 25_000 && tookMs < 45_000, `after ${tookMs} ms`)
  await stage.assertCalm()
})
