import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises'
import type { MuxConnection, MuxSocket } from '../../../src/adapters/mux/mux-socket.ts'
import { startTcpAdapter } from '../../../src/adapters/tcp/adapter.ts'
import { muxProtocol } from '../../../src/adapters/tcp/protocols.ts'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import type { Limit } from '../../../src/exchange/limit.ts'
import { eventually } from '../../support/eventually.ts'
import { silentLogger } from '../../support/silent-logger.ts'
import { unlimitedConnections } from '../../support/unlimited.ts'
import { connectTcp } from './tcp-client.ts'

/** How late a deadline may be. */
const TICKS_MS = 20

/** A session that writes down what it hears and does nothing, over real sockets and a clock of the test's. */
async function start(t: TestContext) {
  let nowMs = 0
  const wheel = new DeadlineWheel({ now: () => nowMs })
  const heard: string[] = []
  const limited: Limit[] = []
  const observer = { onLimit: (limit: Limit) => void limited.push(limit) }
  const events = new EventEmitter()
  let socket: MuxSocket | undefined
  const session: MuxConnection = {
    openExchanges: 0,
    onFrame: () => assert.fail('TCP has no frames'),
    onBytes: (chunk) => void heard.push(Buffer.from(chunk).toString()),
    onWritable: () => void events.emit('writable'),
    onEnded: () => void heard.push('[ended]'),
    onClosed: () => void heard.push('[closed]'),
    drain: (graceMs) => void heard.push(`[drain ${graceMs}]`),
  }
  const adapter = await startTcpAdapter({
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    proxyProtocol: false,
    maxConnections: 10,
    limits: unlimitedConnections(),
    observer,
    wheel,
    logger: silentLogger,
    protocol: muxProtocol({
      wheel,
      limitObserver: observer,
      stallTimeoutMs: 30_000,
      connect(peer, muxSocket) {
        heard.push(`[${peer.encoding} from ${peer.remote}]`)
        socket = muxSocket
        return session
      },
    }),
  })
  t.after(() => {
    adapter.close()
    wheel.stop()
  })
  return {
    adapter,
    heard,
    limited,
    events,
    socket: () => socket!,
    wait(ms: number) {
      nowMs += ms
      wheel.advance()
    },
    async assertIdle() {
      await eventually('nothing is left', () => adapter.connections + wheel.size === 0)
    },
  }
}

describe('MuxTcpConnection', () => {
  test('hands the session the bytes after the first ones, and each event once', async (t) => {
    const mux = await start(t)
    const client = connectTcp(t, mux.adapter.port)
    client.socket.write('SX1\nabc')
    await eventually('the bytes', () => mux.heard.length === 2)
    client.socket.end()
    await eventually('the end', () => mux.heard.length === 3)
    mux.socket().close(1000, '')
    assert.equal(await client.outcome, 'end')
    await mux.assertIdle()
    assert.deepEqual(mux.heard, ['[binary from 127.0.0.1]', 'abc', '[ended]', '[closed]'])
  })

  test('resets a connection whose first bytes do not come', async (t) => {
    const mux = await start(t)
    const client = connectTcp(t, mux.adapter.port)
    client.socket.write('SX')
    await eventually('it is in', () => mux.adapter.connections === 1)
    mux.wait(10_000)
    assert.deepEqual([mux.adapter.connections, mux.limited], [1, []])
    mux.wait(TICKS_MS)
    assert.deepEqual(mux.limited, ['handshake'])
    assert.equal(await client.outcome, 'reset')
    await mux.assertIdle()
  })

  test('takes first bytes that come at the last moment', async (t) => {
    const mux = await start(t)
    const client = connectTcp(t, mux.adapter.port)
    client.socket.write('SX')
    await eventually('it is in', () => mux.adapter.connections === 1)
    mux.wait(10_000)
    client.socket.write('1\n')
    await eventually('the session', () => mux.heard.length === 1)
    mux.wait(TICKS_MS)
    assert.deepEqual([mux.adapter.connections, mux.limited], [1, []])
  })

  test('resets a client that has been silent for a minute, and no other', async (t) => {
    const mux = await start(t)
    const client = connectTcp(t, mux.adapter.port)
    client.socket.write('{')
    await eventually('the session', () => mux.heard.length === 2)
    mux.wait(50_000)
    client.socket.write('x')
    await eventually('it speaks', () => mux.heard.length === 3)
    mux.wait(59_999)
    assert.deepEqual([mux.adapter.connections, mux.limited], [1, []])
    // What we say ourselves is no sign of life of the client.
    mux.socket().send('{"t":"ping"}')
    mux.wait(TICKS_MS)
    assert.deepEqual(mux.limited, ['silent'])
    assert.equal(await client.outcome, 'reset')
    await mux.assertIdle()
    assert.equal(mux.heard.at(-1), '[closed]')
  })

  test('takes silence for nothing while the client is not read, or has said all', async (t) => {
    const mux = await start(t)
    const client = connectTcp(t, mux.adapter.port)
    client.socket.write('{')
    await eventually('the session', () => mux.heard.length === 2)
    mux.socket().pause()
    mux.wait(61_000)
    mux.wait(61_000)
    mux.socket().resume()
    client.socket.end()
    await eventually('the end', () => mux.heard.at(-1) === '[ended]')
    mux.wait(61_000)
    mux.wait(61_000)
    assert.equal(mux.adapter.connections, 1)
    mux.socket().close(1000, '')
    assert.equal(await client.outcome, 'end')
    await mux.assertIdle()
  })

  test('lets go of a client that does not close after we did', async (t) => {
    const mux = await start(t)
    const client = connectTcp(t, mux.adapter.port)
    client.socket.write('{')
    await eventually('the session', () => mux.heard.length === 2)
    mux.socket().send('last words')
    mux.socket().close(1000, '')
    assert.equal(await client.outcome, 'end')
    assert.equal(client.received().toString(), 'last words\n')
    // What it still sends is of no interest, and no reason to lose our last words.
    client.socket.write('more')
    mux.wait(10_100)
    await mux.assertIdle()
    assert.deepEqual(mux.heard.slice(2), ['[closed]'])
  })

  test('waits after the close for a client that reads slowly, and not for one that does not read', async (t) => {
    const mux = await start(t)
    const chunk = 'x'.repeat(64 * 1024 - 1)
    /** A client that does not read, closed when the system takes no more for it; and how much it is to get. */
    const begin = async () => {
      const firstBytes = () => mux.heard.filter((said) => said === '{').length
      const before = firstBytes()
      const client = connectTcp(t, mux.adapter.port)
      client.socket.pause()
      client.socket.write('{')
      await eventually('the session', () => firstBytes() > before)
      let size = 0
      mux.events.on('writable', () => {
        for (let more = true; more; size += chunk.length + 1) more = mux.socket().send(chunk)
      })
      mux.events.emit('writable')
      let last = 0
      await eventually('it is full', async () => {
        last = size
        await delay(200)
        return size === last
      })
      mux.events.removeAllListeners()
      mux.socket().close(1000, '')
      return { client, size }
    }
    await begin()
    for (let i = 0; i < 5; i++) mux.wait(10_100)
    assert.equal(mux.adapter.connections, 1)
    assert.deepEqual(mux.limited, [])
    for (let i = 0; i < 2; i++) mux.wait(10_100)
    assert.deepEqual(mux.limited, ['slow_reader'])
    await mux.assertIdle()

    const { client, size } = await begin()
    for (let i = 0; i < 4; i++) mux.wait(10_100)
    client.socket.resume()
    await eventually('some of it', () => client.received().length > size / 2)
    client.socket.pause()
    // For the other end, in this process too, to write into the room that there is now.
    for (let i = 0; i < 10; i++) await immediate()
    for (let i = 0; i < 4; i++) mux.wait(10_100)
    client.socket.resume()
    assert.equal(await client.outcome, 'end')
    assert.equal(client.received().length, size)
    assert.equal(mux.limited.length, 1)
  })
})
