import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, type Msg } from 'nats'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'

const MAX_WAITING_BYTES = 1024 * 1024
/** Counted for each reply beside its bytes. */
const REPLY_OVERHEAD_BYTES = 64
const REPLIES = 16

test('1 MiB of plain replies waits for a client, and one more cuts the response', async (t) => {
  const url = await natsUrl()
  const subject = `limits.replies.${process.pid}`
  const nats = await connect({ servers: url })
  let request: Msg | undefined
  nats.subscribe(subject, {
    callback(_error, message) {
      request = message
    },
  })
  await nats.flush()
  const gateway = await startGateway({
    natsUrl: url,
    routes: [{ name: 'many', match: { path: '/many' }, subject, reply: 'many' }],
    tcp: [{ protocol: 'mux', route: undefined }],
  })
  t.after(async () => {
    await gateway.close()
    await nats.close()
  })
  const raw = await openRaw(gateway.tcp.ports[0]!)
  raw.write('{"t":"open","id":1,"path":"/many","credit":0}\n')
  const asked = await eventually('the request', () => request)
  // The first one waits for credit, those behind it for the first.
  asked.respond('x')
  for (let i = 0; i < REPLIES; i++) asked.respond('x'.repeat(MAX_WAITING_BYTES / REPLIES - REPLY_OVERHEAD_BYTES))
  await eventually('all of them', () => gateway.buffers.heldBytes >= MAX_WAITING_BYTES)
  assert.equal(gateway.ended.length, 0)
  asked.respond('x')
  await raw.until(/"t":"reset","id":1,"code":"too_large"/)
  assert.equal(gateway.ended.at(-1)?.code, 'too_large')
  raw.destroy()
  await gateway.assertIdle()
  assert.equal(gateway.buffers.heldBytes, 0)
})
