import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { startNats } from '../../support/nats.ts'
import { startStreamBackend } from '../../support/stream-backend.ts'
import { openSocket } from './start-client.ts'

const ROUTES = [
  { name: 'stream', match: { kind: 'ws', path: '/stream' }, subject: 'stream' },
  { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: 'rpc', websocket: 'rpc' },
] as const

test('a WebSocket closes with 4502 when its backend is gone, and with 4503 while NATS is', async () => {
  const nats = await startNats()
  const gateway = await startGateway({ natsUrl: nats.url, routes: ROUTES })
  const backend = await startStreamBackend(nats.url)
  try {
    await backend.handle('stream', (stream) => {
      stream.accept(1, 65536)
      stream.head({ status: 200, headers: [] })
      stream.data(Buffer.from('ready'), { type: 'text' })
      return {}
    })
    const lost = await openSocket(`${gateway.url}/stream`)
    await lost.messages(1)
    await backend.close()
    lost.ws.send('anybody there?')
    assert.deepEqual(await lost.closed(), { code: 4502, reason: 'backend_lost' })
    await gateway.assertIdle()

    await nats.kill()
    await eventually('the loss', () => !gateway.link.connected)
    // It is over before the connection is open, in the same call.
    const stream = await openSocket(`${gateway.url}/stream`)
    assert.deepEqual(await stream.closed(), { code: 4503, reason: 'nats_unavailable' })
    const rpc = await openSocket(`${gateway.url}/rpc`)
    for (let i = 0; i < 20; i++) rpc.ws.send('x')
    assert.deepEqual(await rpc.closed(), { code: 4503, reason: 'nats_unavailable' })
    await gateway.assertIdle()
    await eventually('no connection', () => gateway.http.connections === 0)
  } finally {
    await gateway.close()
    await nats.stop()
  }
})
