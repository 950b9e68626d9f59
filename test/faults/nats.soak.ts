import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { type Stage, startStage } from './stage.ts'

/** Two pings of the router's connection without an answer, five seconds apart, and one more. */
const NOTICED_WITHIN_MS = 20_000
/** Long enough for the router to notice, and to give up what was open. */
const FROZEN_MS = 30_000

test('nats-server frozen for 30 s: not ready when the router has noticed, 503 at once, and it comes back', async (t) => {
  const stage = await startStage(t)
  const { router } = stage
  stage.client.subscribe('plain', { callback: (_error, message) => void message.respond('here') })
  await stage.client.flush()
  await stage.startBackend(t)
  const { answer } = await openSilent(stage)
  stage.nats.pause()
  const thawed = delay(FROZEN_MS).then(() => stage.nats.resume())
  await eventually('not ready', async () => (await router.readiness()).status === 503, { timeoutMs: NOTICED_WITHIN_MS })
  assert.equal((await fetch(`${router.adminUrl}/healthz`)).status, 200)
  assert.equal((await stage.ask('/plain')).code, 'nats_unavailable')
  // Without NATS for more than ten seconds.
  const { status, code } = await answer
  assert.equal(`${status} ${code}`, '502 gap')
  await thawed
  await eventually('it is back', async () => (await stage.ask('/plain')).text === 'here', { timeoutMs: 10_000 })
  await stage.assertCalm()
})

/** A stream that is accepted and says nothing. Its request is whole: HTTP's own limits would end a body that waits. */
async function openSilent(stage: Stage) {
  const answer = stage.ask('/sx/slow?ms=120000', {
    method: 'POST',
    body: 'x',
    signal: AbortSignal.timeout(100_000),
  })
  await eventually('the backend has it', async () => {
    const { data } = await stage.client.request('sx.open', '', { timeout: 1000 })
    return Buffer.from(data).toString() === '1'
  })
  return { answer }
}

test('a silent stream of a backend that was killed: 502 when the router has asked in vain', async (t) => {
  const stage = await startStage(t)
  const backend = await stage.startBackend(t)
  const { answer } = await openSilent(stage)
  backend.signalGroup('SIGKILL')
  const { status, code, tookMs } = await answer
  assert.equal(`${status} ${code}`, '502 backend_lost')
  assert.ok(tookMs > 5000 && tookMs < 15_000, `after ${tookMs} ms`)
  await stage.assertCalm()
})

test('a silent stream of a backend that is frozen: 502 after 30 s', async (t) => {
  const stage = await startStage(t)
  const backend = await stage.startBackend(t)
  const { answer } = await openSilent(stage)
  backend.signalGroup('SIGSTOP')
  const { status, code, tookMs } = await answer
  assert.equal(`${status} ${code}`, '502 backend_lost')
  assert.ok(tookMs > 25_000 && tookMs < 45_000, `after ${tookMs} ms`)
  await stage.assertCalm()
})
