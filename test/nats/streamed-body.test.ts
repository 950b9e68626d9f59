import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stream } from '../../src/wire/stream.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { startStreamBackend } from '../support/stream-backend.ts'
import { testRequest } from '../support/test-request.ts'
import { testRoute } from '../support/test-route.ts'

test('a body that ends between the OPEN which promised more and its accept is ended', async (t) => {
  const url = await natsUrl()
  const backend = await startStreamBackend(url)
  const gateway = await startGateway({ natsUrl: url, routes: [] })
  t.after(async () => {
    await gateway.close()
    await backend.close()
  })
  const subject = `t${process.pid}streamed`
  let held: Stream | undefined
  let more = false
  let ended = false
  await backend.handle(subject, (stream, open) => {
    held = stream
    more = open.more
    return {
      end() {
        ended = true
      },
    }
  })
  await backend.nats.flush()

  const request = testRequest({ method: 'POST', length: -1, subject })
  const client = { head() {}, data: () => true, end() {}, reset() {}, drained() {} }
  const exchange = gateway.transport.dispatchFor(testRoute({ body: 'stream' }))(request, client)
  exchange.data(Buffer.from('abc'))
  const stream = await eventually('the OPEN', () => held)
  assert.equal(more, true)
  exchange.end()
  stream.accept(1, 64 * 1024)
  await eventually('the end', () => ended)
  stream.head({ status: 200, headers: [] })
  stream.end()
  await gateway.assertIdle()
})
