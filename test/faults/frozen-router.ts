import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { openDuplex } from './duplex-request.ts'
import { startStage } from './stage.ts'

/** nats-server, the backend and clients give a silent router up after this; a shorter pause nobody may notice. */
const NOTICED_AFTER_MS = 10_000

/** Stops the router as a hypervisor does that moves it, with a stream open and a request on its way. */
export async function freezeRouter(t: TestContext, forMs: number): Promise<void> {
  const stage = await startStage(t)
  await stage.startBackend(t)
  stage.client.subscribe('plain', { callback: (_error, message) => void message.respond('here') })
  await stage.client.flush()
  const open = await openDuplex(t, `${stage.router.url}/sx/echo`, 'before ')
  stage.router.signal('SIGSTOP')
  const meanwhile = stage.ask('/plain', { signal: AbortSignal.timeout(forMs + 30_000) })
  // Its length is what is tested.
  await delay(forMs)
  stage.router.signal('SIGCONT')
  const { text, code } = await meanwhile
  if (forMs < NOTICED_AFTER_MS) {
    assert.equal(text, 'here')
    await open.echo('after')
    open.request.end()
    assert.equal(await open.over, 'whole')
    assert.equal(open.text(), 'before after')
  } else {
    // It was not read before, so it finds NATS either there or lost.
    assert.ok(text === 'here' || code === 'nats_unavailable' || code === 'timeout', text)
    // The stream goes on whole, or is cut: what came is a part of what was sent, in order.
    open.request.write('after')
    open.request.end()
    t.diagnostic(`the stream was ${await open.over} with ${JSON.stringify(open.text())}`)
    assert.ok('before after'.startsWith(open.text()))
    if ((await open.over) === 'whole') assert.equal(open.text(), 'before after')
  }
  await eventually('it serves', async () => (await stage.ask('/plain')).text === 'here', { timeoutMs: 10_000 })
  await stage.router.ready()
  await stage.assertCalm()
  await eventually('the backend has none open', async () => {
    const { data } = await stage.client.request('sx.open', '', { timeout: 5000 })
    return Buffer.from(data).toString() === '0'
  })
}
