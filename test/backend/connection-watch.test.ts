import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { connect, Events } from 'nats'
import { ConnectionWatch } from '../../src/backend/connection-watch.ts'
import { eventually } from '../support/eventually.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { natsUrl, startNats } from '../support/nats.ts'

/** A watch and what it tells, on a connection that comes back at once. */
async function startWatch(t: TestContext, url: string, onStatus: (type: string) => void) {
  const nats = await connect({
    servers: url,
    maxReconnectAttempts: -1,
    // It waits for so long in a handshake that the server leaves, and 20 s by default.
    timeout: 500,
    reconnectDelayHandler: () => 20,
    ignoreAuthErrorAbort: true,
  })
  // It hears of each before the watch does.
  void (async () => {
    for await (const { type } of nats.status()) onStatus(type)
  })()
  const heard: string[] = []
  const watch = new ConnectionWatch(
    nats,
    { onDown: () => heard.push('down'), onUp: () => heard.push('up'), onLost: () => heard.push('lost') },
    1000,
  )
  t.after(async () => {
    watch.stop()
    await nats.close()
  })
  return heard
}

test('a loss is one loss, however many handshakes fail until NATS is back', async (t) => {
  let server = await startNats()
  t.after(() => server.stop())
  const { port } = server
  let refused = 0
  const heard = await startWatch(t, server.url, (type) => {
    if (type === Events.Disconnect) refused++
  })
  await server.kill()
  server = await startNats({ port, args: ['--user', 'other', '--pass', 'secret'] })
  await eventually('the loss lasts too long', () => heard.includes('lost'))
  await eventually('handshakes fail again and again', () => refused > 5)
  await server.kill()
  server = await startNats({ port })
  await eventually('it is back', () => heard.includes('up'))
  assert.deepEqual(heard, ['down', 'lost', 'up'])
})

test('a loss goes on where NATS is back and does not answer', async (t) => {
  const proxy = await startFaultProxy(t, Number(new URL(await natsUrl()).port))
  const heard = await startWatch(t, `127.0.0.1:${proxy.port}`, (type) => {
    if (type === Events.Reconnect) proxy.stall()
  })
  proxy.cut()
  await eventually('it is gone', () => heard.length > 0)
  proxy.mend()
  await eventually('the loss lasts too long', () => heard.includes('lost'))
  proxy.heal()
  await eventually('it is back', () => heard.includes('up'))
  assert.deepEqual(heard, ['down', 'lost', 'up'])
})

test('a loss goes on where NATS is back for a moment, again and again', async (t) => {
  const proxy = await startFaultProxy(t, Number(new URL(await natsUrl()).port))
  let returns = 0
  let flaps = true
  const heard = await startWatch(t, `127.0.0.1:${proxy.port}`, (type) => {
    if (type !== Events.Reconnect) return
    returns++
    if (!flaps) return
    proxy.cut()
    proxy.mend()
  })
  proxy.cut()
  proxy.mend()
  await eventually('the loss lasts too long', () => heard.includes('lost'))
  assert.ok(returns > 1)
  flaps = false
  await eventually('it is back', () => heard.includes('up'))
  assert.deepEqual(heard, ['down', 'lost', 'up'])
})
