import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Msg } from 'nats'
import { eventually } from '../support/eventually.ts'
import { openDuplex } from './duplex-request.ts'
import { startStage } from './stage.ts'

const CHUNK = new Uint8Array(512 * 1024)

/** Pends `floodBytes` for one router at its nats-server, which cuts it off; the router comes back by itself. */
export async function floodRouter(t: TestContext, floodBytes: number, natsArgs: readonly string[] = []): Promise<void> {
  const stage = await startStage(t, { natsArgs })
  const { router, client } = stage
  await stage.startBackend(t)
  let asked: Msg | undefined
  client.subscribe('plain', { callback: (_error, message) => (asked = message) })
  await client.flush()
  const open = await openDuplex(t, `${router.url}/sx/echo`, 'before ')
  const waiting = stage.ask('/plain')
  await eventually('it is asked', () => asked)

  router.signal('SIGSTOP')
  // A plain responder knows no flow control.
  for (let bytes = 0; bytes < floodBytes; bytes += CHUNK.length) {
    asked!.respond(CHUNK)
    await client.flush()
  }
  router.signal('SIGCONT')
  const { status, code } = await waiting
  // Its first reply may have come through whole.
  assert.ok(status === 200 || status === 204 || code === 'nats_unavailable' || code === 'timeout', `${status} ${code}`)
  await eventually('it was cut off', async () => (await stage.metric('engine_router_nats_reconnects_total')) === 1, {
    timeoutMs: 10_000,
  })
  assert.ok(router.logged('error').some((line) => line.includes('NATS is gone')))
  await router.ready()
  // A backend that had something to say in the meantime has found nobody there, and given the stream up.
  open.request.write('after')
  open.request.end()
  const ended = await open.over
  t.diagnostic(`the request: ${status} ${code ?? ''}; the idle stream: ${ended}`)
  assert.equal(open.text(), ended === 'whole' ? 'before after' : 'before ')
  await stage.assertCalm()
}
