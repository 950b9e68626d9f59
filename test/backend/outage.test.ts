import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { test } from 'node:test'
import { connect } from 'nats'
import type { BackendExchange } from '../../src/backend/exchange.ts'
import { Service } from '../../src/backend/service.ts'
import { ExchangeError } from '../../src/exchange/errors.ts'
import { createIdSource } from '../../src/exchange/id-source.ts'
import { eventually } from '../support/eventually.ts'
import { startNats } from '../support/nats.ts'
import { openExchange } from '../support/sx-router.ts'

test('a service that has lost NATS for too long resets what it has, and takes more when it is back', async (t) => {
  let server = await startNats()
  const options = { servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 }
  const nats = await connect(options)
  const router = await connect(options)
  const service = new Service({
    nats,
    ownsConnection: true,
    micro: await nats.services.add({ name: 'outage', version: '1.0.0', queue: 'q' }),
    inboxPrefix: '_INBOX',
    nextToken: createIdSource(randomFillSync),
    maxConcurrent: 10,
    maxMessageBytes: 1024,
    onError: (error) => assert.fail(`the handler threw before it was aborted: ${error}`),
    maxOutageMs: 200,
  })
  t.after(async () => {
    await service.drain(0)
    await router.close()
    await server.stop()
  })
  const begun: BackendExchange[] = []
  service.exchange('outage', async (x) => {
    begun.push(x)
    for await (const { data } of x) await x.send(data)
  })
  await service.flush()

  await openExchange(router, 'outage', { more: true }).send('a')
  await eventually('the exchange has begun', () => begun.length === 1)
  await server.kill()
  await eventually('the exchange is reset', () => service.size === 0)
  const reason: unknown = begun[0]!.signal.reason
  assert.ok(reason instanceof ExchangeError && reason.code === 'gap', String(reason))

  server = await startNats({ port: server.port })
  await eventually('the service takes exchanges again', async () => {
    const reply = await router.request('outage', 'b', { timeout: 200 })
    return reply.string() === 'b'
  })
})
