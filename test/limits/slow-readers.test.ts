import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { StallClock } from '../../src/adapters/stall-clock.ts'
import { openSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'
import { sendBytes } from '../support/send-bytes.ts'
import { startStreamBackend } from '../support/stream-backend.ts'
import { createTestClock, TICKS_MS } from './test-clock.ts'

const STALL_MS = 10_000
/** So often a WebSocket is looked at, and the clock of the test moves. */
const LOOK_MS = 1000
/** More than the buffers of two sockets take. */
const LARGE_BYTES = 32 * 1024 * 1024
/** Of looks at what was sent, without any more: the system takes no more of it. */
const STILL_LOOKS = 10

let next = 0

/** A backend that sends as much as it is let, and a clock of the test's. */
async function start(t: TestContext) {
  const url = await natsUrl()
  const subject = `limits.readers.${process.pid}.${next++}`
  const backend = await startStreamBackend(url)
  await backend.handle(subject, (stream) => {
    stream.accept(1, 64 * 1024)
    stream.head({ status: 200, headers: [] })
    return { ...sendBytes(stream, LARGE_BYTES), data: () => true }
  })
  const clock = createTestClock()
  const gateway = await startGateway({
    natsUrl: url,
    routes: [
      { name: 'ws', match: { kind: 'ws', path: '/large' }, subject },
      { name: 'raw', match: { kind: 'tcp' }, subject },
      { name: 'http', match: { path: '/http' }, subject, body: 'stream' },
    ],
    tcp: [
      { protocol: 'raw', route: 'raw' },
      { protocol: 'mux', route: undefined },
    ],
    transferLimits: { stallTimeoutMs: STALL_MS },
    webSocket: { pingEveryMs: LOOK_MS - TICKS_MS },
    now: clock.now,
  })
  t.after(async () => {
    await gateway.close()
    await backend.close()
  })
  /**
   * Gives how long it takes until the client is cut for what it does not take.
   * @param sayMore what it does meanwhile
   */
  const cutAfterMs = async (sayMore: () => void) => {
    let sent = 0
    let still = 0
    await eventually('the system takes no more of it', () => {
      const before = sent
      sent = backend.nats.stats().outBytes
      still = sent === before ? still + 1 : 0
      return sent > 1024 * 1024 && still > STILL_LOOKS
    })
    let passedMs = 0
    await eventually(
      'it is cut',
      () => {
        if (gateway.limited.count('slow_reader') > 0) return true
        sayMore()
        clock.pass(gateway.wheel, LOOK_MS)
        passedMs += LOOK_MS
        return false
      },
      { timeoutMs: 20_000 },
    )
    assert.equal(gateway.limited.count('slow_reader'), 1)
    await gateway.assertIdle()
    assert.equal(gateway.ended.at(-1)?.code, 'client_gone')
    return passedMs
  }
  return { gateway, cutAfterMs }
}

describe('a client that takes nothing is cut when it has taken nothing for the time', () => {
  test('over HTTP', async (t) => {
    const { gateway, cutAfterMs } = await start(t)
    const raw = await openRaw(gateway.port)
    raw.socket.pause()
    raw.write('GET /http HTTP/1.1\r\nHost: x\r\n\r\n')
    const passedMs = await cutAfterMs(() => {})
    // The system may take a little more when it is offered again what it did not take, from when on the time counts anew.
    assert.ok(passedMs >= STALL_MS && passedMs < 3 * STALL_MS, `cut after ${passedMs} ms`)
    raw.destroy()
  })

  test('over WebSocket, though it goes on to send', async (t) => {
    const { gateway, cutAfterMs } = await start(t)
    const socket = await openSocket(`${gateway.url}/large`)
    socket.ws.pause()
    const passedMs = await cutAfterMs(() => socket.ws.send('still here'))
    // The first look finds what was taken before it, the second that it is no more, from when on the time counts.
    assert.ok(passedMs >= STALL_MS + 2 * LOOK_MS && passedMs < 3 * STALL_MS, `cut after ${passedMs} ms`)
    socket.ws.terminate()
  })

  // A connection of TCP is looked at as seldom as the time is long.

  test('over raw TCP, though it goes on to send', async (t) => {
    const { gateway, cutAfterMs } = await start(t)
    const raw = await openRaw(gateway.tcp.ports[0]!)
    raw.socket.pause()
    const passedMs = await cutAfterMs(() => raw.write('still here'))
    assert.ok(passedMs > STALL_MS && passedMs <= 3 * (STALL_MS + LOOK_MS), `cut after ${passedMs} ms`)
    raw.destroy()
  })

  test('over multiplexed TCP, though it goes on to ping', async (t) => {
    const { gateway, cutAfterMs } = await start(t)
    const raw = await openRaw(gateway.tcp.ports[1]!)
    raw.write('{"t":"open","id":1,"path":"/http"}\n')
    raw.socket.pause()
    const passedMs = await cutAfterMs(() => raw.write('{"t":"ping"}\n'))
    assert.ok(passedMs > STALL_MS && passedMs <= 3 * (STALL_MS + LOOK_MS), `cut after ${passedMs} ms`)
    raw.destroy()
  })
})

test('a client that takes all of it, however much, is not', async (t) => {
  const { gateway } = await start(t)
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
