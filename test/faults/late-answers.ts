import assert from 'node:assert/strict'
import { request } from 'node:http'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { startStage } from './stage.ts'

/** A backend's pings begin after ten seconds of silence, and all streams here fell silent at the same time. */
const HEALED_WITHIN_MS = 25_000
const ASKED_EVERY_MS = 250

/**
 * So many clients open a stream while the backend is frozen, and are cut. It finds all of them at once when it goes on,
 * and the router answers only a thousand late frames a second.
 * @returns how long the backend held the last one
 */
export async function abandonStreams(t: TestContext, clients: number): Promise<number> {
  const stage = await startStage(t)
  const backend = await stage.startBackend(t)
  const openInBackend = async () => {
    const { data } = await stage.client.request('sx.open', '', { timeout: 5000 })
    return Number(Buffer.from(data).toString())
  }
  backend.signalGroup('SIGSTOP')
  const opened = Array.from({ length: clients }, () => {
    const outgoing = request(`${stage.router.url}/sx/echo`, { method: 'POST', agent: false })
    // It is cut below, or has waited for its time to be up.
    outgoing.on('error', () => {})
    outgoing.write('x')
    return outgoing
  })
  await eventually('all are sent', async () => {
    const ended = await stage.counted('stream', 'timeout')
    return ended + (await stage.metric('engine_router_inbox_tokens')) === clients
  })
  for (const outgoing of opened) outgoing.destroy()
  await stage.assertCalm()
  backend.signalGroup('SIGCONT')
  const beganMs = performance.now()
  // What it found in its socket is handled first.
  const counts: number[] = []
  await eventually(
    'the backend has let go of all of them',
    async () => {
      const count = await openInBackend()
      counts.push(count)
      // Enough to see how it goes; it has the others to look after.
      if (count > 0) await delay(ASKED_EVERY_MS)
      return count === 0
    },
    { timeoutMs: HEALED_WITHIN_MS },
  )
  const late = await stage.metric('engine_router_late_messages_total')
  assert.ok(late >= clients, `${late} messages came late`)
  t.diagnostic(`open in the backend, each quarter of a second: ${counts}`)
  await stage.assertCalm()
  return performance.now() - beganMs
}
