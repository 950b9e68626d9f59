import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { StallClock } from '../../src/adapters/stall-clock.ts'
import { openSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'
import { sendBytes } from '../support/send-bytes.ts'
import { startStreamBackend } from '../support/stream-backend.ts'

const STALL_MS = 500
/** More than the buffers of two sockets take. */
const LARGE_BYTES = 32 * 1024 * 1024

let next = 0

/** A backend that sends as much as it is let. */
async function start(t: TestContext): Promise<Gateway> {
  const url = await natsUrl()
  const subject = `limits.readers.${process.pid}.${next++}`
  const backend = await startStreamBackend(url)
  await backend.handle(subject, (stream) => {
    stream.accept(1, 64 * 1024)
    stream.head({ status: 200, headers: [] })
    return { ...sendBytes(stream, LARGE_BYTES), data: () => true }
  })
  const gateway = await startGateway({
    natsUrl: url,
    routes: [
      { name: 'ws', match: { kind: 'ws', path: '/large' }, subject },
      { name: 'raw', match: { kind: 'tcp' }, subject },
      { name: 'mux', match: { path: '/mux' }, subject, body: 'stream' },
    ],
    tcp: [
      { protocol: 'raw', route: 'raw' },
      { protocol: 'mux', route: undefined },
    ],
    transferLimits: { stallTimeoutMs: STALL_MS },
    webSocket: { pingEveryMs: STALL_MS / 5 },
  })
  t.after(async () => {
    await gateway.close()
    await backend.close()
  })
  return gateway
}

async function assertCut(gateway: Gateway): Promise<void> {
  await eventually('it is cut', () => gateway.limited.count('slow_reader') === 1)
  await gateway.assertIdle()
  assert.equal(gateway.ended.at(-1)?.code, 'client_gone')
}

describe('a client that takes nothing is cut', () => {
  test('over WebSocket, though it goes on to send', async (t) => {
    const gateway = await start(t)
    const socket = await openSocket(`${gateway.url}/large`)
    socket.ws.pause()
    const chatter = setInterval(() => socket.ws.send('still here'), STALL_MS / 10)
    t.after(() => clearInterval(chatter))
    await assertCut(gateway)
    socket.ws.terminate()
  })

  test('over raw TCP, though it goes on to send', async (t) => {
    const gateway = await start(t)
    const raw = await openRaw(gateway.tcp.ports[0]!)
    raw.socket.pause()
    const chatter = setInterval(() => raw.write('still here'), STALL_MS / 10)
    t.after(() => clearInterval(chatter))
    await assertCut(gateway)
    raw.destroy()
  })

  test('over multiplexed TCP, though it goes on to ping', async (t) => {
    const gateway = await start(t)
    const raw = await openRaw(gateway.tcp.ports[1]!)
    raw.write('{"t":"open","id":1,"path":"/mux"}\n')
    raw.socket.pause()
    const chatter = setInterval(() => raw.write('{"t":"ping"}\n'), STALL_MS / 10)
    t.after(() => clearInterval(chatter))
    await assertCut(gateway)
    raw.destroy()
  })
})

test('a client that takes all of it, however much, is not', async (t) => {
  const gateway = await start(t)
  const raw = await openRaw(gateway.tcp.ports[0]!)
  let bytes = 0
  raw.socket.on('data', (chunk) => {
    bytes += chunk.length
  })
  await eventually('all of it', () => bytes === LARGE_BYTES, { timeoutMs: 20_000 })
  assert.equal(gateway.limited.count('slow_reader'), 0)
  raw.destroy()
})

describe('a connection is stalled', () => {
  test('when nothing was taken for the time, while something waits', () => {
    const stall = new StallClock()
    const ask = (takenBytes: number, waitingBytes: number, nowMs: number) =>
      stall.isStalled(takenBytes, waitingBytes > 0, nowMs, 100)
    assert.equal(ask(10, 5, 0), false)
    assert.equal(ask(10, 5, 10), false)
    assert.equal(ask(10, 500, 109), false)
    assert.equal(ask(10, 500, 110), true)
    assert.equal(ask(11, 499, 120), false)
    assert.equal(ask(11, 499, 130), false)
    assert.equal(ask(11, 0, 500), false)
    assert.equal(ask(11, 1, 600), false)
    assert.equal(ask(11, 1, 699), false)
    assert.equal(ask(11, 1, 700), true)
  })
})
