import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { openDuplex } from './duplex-request.ts'
import { freezeRouter } from './frozen-router.ts'
import { startStage } from './stage.ts'

test('a router frozen for 40 s: it serves again at once, and its streams are whole or cut', async (t) => {
  await freezeRouter(t, 40_000)
})

test('a router killed: its clients are cut, and the backend lets go of what it had of them', async (t) => {
  const stage = await startStage(t)
  await stage.startBackend(t)
  const open = await openDuplex(t, `${stage.router.url}/sx/echo`, 'before ')
  stage.router.signal('SIGKILL')
  await stage.router.exitCode
  assert.equal(await open.over, 'cut')
  // It asks after ten seconds of silence, and hears that nobody is there.
  const openInBackend = async () => {
    const { data } = await stage.client.request('sx.open', '', { timeout: 5000 })
    return Number(Buffer.from(data).toString())
  }
  await eventually('the backend has none open', async () => (await openInBackend()) === 0, { timeoutMs: 15_000 })
})
