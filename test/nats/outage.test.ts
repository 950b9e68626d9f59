import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { type Service, serve } from '../../src/backend/index.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { startNats, type TestNats } from '../support/nats.ts'

/** Long after the router: several of its pings draw a 503 in the meantime. */
const BACKEND_RETURNS_AFTER_MS = 2500

describe('a nats-server that is killed while a stream has nothing on its way', () => {
  const goOn = new EventEmitter()
  let server: TestNats
  let service: Service
  let gateway: Gateway
  before(async () => {
    server = await startNats()
    const reconnectDelayHandler = () => BACKEND_RETURNS_AFTER_MS
    const nats = { servers: server.url, maxReconnectAttempts: -1, reconnectDelayHandler }
    service = await serve({ nats, name: 'outage', version: '1.0.0' })
    service.exchange('outage.idle', async (x) => {
      await x.send('before ')
      await once(goOn, 'said', { signal: x.signal })
      await x.send('after')
    })
    await service.flush()
    gateway = await startGateway({
      natsUrl: server.url,
      routes: [{ name: 'idle', match: { path: '/idle' }, subject: 'outage.idle', body: 'stream' }],
    })
  })
  after(async () => {
    await gateway.close()
    await service.drain(1000)
    await server.stop()
  })

  test('leaves it whole, though the backend returns long after the router', { timeout: 30_000 }, async () => {
    const response = await fetch(`${gateway.url}/idle`)
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    assert.equal((await reader.read()).value, 'before ')
    await server.kill()
    server = await startNats({ port: server.port })
    goOn.emit('said')
    assert.equal((await reader.read()).value, 'after')
    assert.equal((await reader.read()).done, true)
    assert.ok(gateway.link.reconnects > 0, 'the router never lost NATS')
    await gateway.assertIdle()
  })
})
