import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, Events } from 'nats'
import { ConnectionWatch } from '../../src/backend/connection-watch.ts'
import { eventually } from '../support/eventually.ts'
import { startNats } from '../support/nats.ts'

test('a loss is one loss, however many handshakes fail until NATS is back', async (t) => {
  let server = await startNats()
  const { port } = server
  const nats = await connect({
    servers: server.url,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => 20,
    ignoreAuthErrorAbort: true,
  })
  const heard: string[] = []
  const watch = new ConnectionWatch(
    nats,
    { onDown: () => heard.push('down'), onUp: () => heard.push('up'), onLost: () => heard.push('lost') },
    1000,
  )
  t.after(async () => {
    watch.stop()
    await nats.close()
    await server.stop()
  })
  let refused = 0
  void (async () => {
    for await (const { type } of nats.status()) if (type === Events.Disconnect) refused++
  })()

  await server.kill()
  server = await startNats({ port, args: ['--user', 'other', '--pass', 'secret'] })
  await eventually('the loss lasts too long', () => heard.includes('lost'))
  await eventually('handshakes fail again and again', () => refused > 5)
  await server.kill()
  server = await startNats({ port })
  await eventually('it is back', () => heard.includes('up'))
  assert.deepEqual(heard, ['down', 'lost', 'up'])
})
