import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WebSocket as WsWebSocket } from 'ws'
import { type ClientState, connect, type WebSocketConstructor } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { answering, beginOne, startFakeRouter } from './fake-router.ts'
import { ManualClock } from './manual-clock.ts'

const random = () => 0
/** Nobody listens on it. */
const NOWHERE = 'ws://127.0.0.1:1'

describe('the connection of a client', () => {
  test('is made by the first request, and by itself if the client is eager', async (t) => {
    const router = await startFakeRouter(t, { onFrame: answering('x') })
    const states: ClientState[] = []
    const lazy = connect(router.url)
    lazy.onstate = (state) => states.push(state)
    assert.equal(lazy.state, 'idle')
    await (await lazy.fetch('/')).text()
    assert.deepEqual(states, ['connecting', 'open'])
    lazy.close()
    assert.deepEqual(states, ['connecting', 'open', 'closed'])

    const eager = connect(router.url, { eager: true, random })
    await router.connection(2)
    await eventually('open', () => eager.state === 'open')
    router.connections[1]!.cut()
    await router.connection(3)
    eager.close()
  })

  test('does not come back when the client is closed as it is lost', async (t) => {
    const router = await startFakeRouter(t)
    const clock = new ManualClock()
    const client = connect(router.url, { eager: true, random, clock })
    const states: ClientState[] = []
    client.onstate = (state) => {
      states.push(state)
      if (state === 'waiting') client.close()
    }
    const connection = await router.connection()
    await eventually('open', () => client.state === 'open')
    connection.cut()
    await eventually('closed', () => client.state === 'closed')
    clock.advance(60_000)
    assert.equal(client.state, 'closed')
    assert.deepEqual(states.slice(-2), ['waiting', 'closed'])
    client.close()
  })

  test('takes http for ws, and keeps the path of a router that is not at the root', async () => {
    const urls: string[] = []
    class Recorder extends WsWebSocket {
      constructor(url: string, protocol: string) {
        super(NOWHERE)
        urls.push(`${url} ${protocol}`)
      }
    }
    for (const url of ['http://h:1', 'https://h/base/', 'wss://h/base?x=1#y'])
      connect(url, { WebSocket: Recorder, eager: true, encoding: 'json' }).close()
    assert.deepEqual(urls, [
      'ws://h:1/_sx sx.v1.json',
      'wss://h/base/_sx sx.v1.json',
      'wss://h/base/_sx?x=1 sx.v1.json',
    ])
    assert.throws(() => connect('tcp://h'), /begins with ws, wss, http or https/)
  })

  test('is one of any WebSocket', async (t) => {
    const router = await startFakeRouter(t, { onFrame: answering('x') })
    for (const WebSocket of [WsWebSocket, globalThis.WebSocket] satisfies WebSocketConstructor[]) {
      const client = connect(router.url, { WebSocket })
      assert.equal(await (await client.fetch('/')).text(), 'x')
      client.close()
    }
  })

  test('is not made where there is no WebSocket, which the error says how to mend', (t) => {
    const { WebSocket } = globalThis
    Reflect.deleteProperty(globalThis, 'WebSocket')
    t.after(() => Reflect.set(globalThis, 'WebSocket', WebSocket))
    assert.throws(() => connect(NOWHERE), /connect\(url, \{ WebSocket \}\)/)
  })

  test('is waited for 10 seconds', async () => {
    const clock = new ManualClock()
    const client = connect(NOWHERE, { clock, random })
    const pending = client.fetch('/')
    await eventually('the request waits', () => clock.pending >= 2)
    clock.advance(9_999)
    await eventually('it tries again', () => client.state === 'waiting')
    clock.advance(1)
    await assert.rejects(pending, { code: 'not_connected', status: 503, retryable: true })
    client.close()
    assert.equal(clock.pending, 0)
  })

  test('is waited for by a thousand requests, not more', async () => {
    const client = connect(NOWHERE, { clock: new ManualClock() })
    const waiting = Array.from({ length: 1000 }, () => client.fetch('/'))
    await assert.rejects(client.fetch('/'), { code: 'queue_full', retryable: true })
    client.close()
    for (const { status, reason } of (await Promise.allSettled(waiting)) as PromiseRejectedResult[])
      assert.deepEqual([status, reason.code], ['rejected', 'closed'])
  })

  test('carries a hundred exchanges at once; the next goes when one has ended', async (t) => {
    const router = await startFakeRouter(t)
    const client = connect(router.url)
    const pending = Array.from({ length: 101 }, (_, index) => client.fetch(`/${index}`))
    const connection = await router.connection()
    await connection.frame('open', 100)
    // Were it sent, it would be before the answer to this.
    connection.send({ t: 'ping' })
    await connection.frame('pong')
    assert.equal(connection.of('open').length, 100)
    connection.send({ t: 'head', id: 7, status: 200, end: true })
    assert.equal((await connection.frame('open', 101)).path, '/100')
    client.close()
    await Promise.allSettled(pending)
  })

  test('comes back by longer and longer waits, and the first answer ends the series', async (t) => {
    const router = await startFakeRouter(t)
    const waits: number[] = []
    class Waits extends ManualClock {
      override setTimeout(callback: () => void, delayMs: number): unknown {
        if (![10_000, 25_000].includes(delayMs)) waits.push(delayMs)
        return super.setTimeout(callback, delayMs)
      }
    }
    const clock = new Waits()
    const client = connect(router.url, { clock, random: () => 0.5, eager: true })
    for (let n = 1; n <= 11; n++) {
      const connection = await router.connection(n)
      await eventually('open', () => client.state === 'open')
      connection.cut()
      await eventually('waiting', () => client.state === 'waiting')
      clock.advance(waits.at(-1)!)
    }
    assert.deepEqual(waits, [50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000])
    const healthy = await router.connection(12)
    await eventually('open', () => client.state === 'open')
    healthy.send({ t: 'ping' })
    await healthy.frame('pong')
    healthy.cut()
    await eventually('waiting', () => client.state === 'waiting')
    assert.equal(waits.at(-1), 50)
    client.close()
    assert.equal(clock.pending, 0)
  })

  test('is asked after 25 silent seconds, and given up after 60', async (t) => {
    const router = await startFakeRouter(t)
    const clock = new ManualClock()
    const client = connect(router.url, { clock, random })
    const pending = client.fetch('/', { method: 'POST' })
    const connection = await router.connection()
    await connection.frame('open')
    clock.advance(24_999)
    assert.equal(connection.of('ping').length, 0)
    clock.advance(1)
    await connection.frame('ping')
    connection.send({ t: 'credit', id: 1, to: 1 }, { t: 'ping' })
    await connection.frame('pong')
    // Heard at 25 s: the next question is at 50, the end at 85.
    clock.advance(59_999)
    assert.equal(client.state, 'open')
    clock.advance(1)
    await assert.rejects(pending, { code: 'connection_lost', message: /a minute/ })
    await connection.frame('ping', 2)
    client.close()
    assert.equal(clock.pending, 0)
  })

  test('is asked before it is given up, however late the timers run', async (t) => {
    const router = await startFakeRouter(t)
    class Throttled extends ManualClock {
      override setTimeout(callback: () => void, delayMs: number): unknown {
        return super.setTimeout(callback, Math.max(delayMs, 120_000))
      }
    }
    const clock = new Throttled()
    const client = connect(router.url, { clock, random, eager: true })
    const connection = await router.connection()
    await eventually('open', () => client.state === 'open')
    clock.advance(120_000)
    await connection.frame('ping')
    assert.equal(client.state, 'open')
    clock.advance(120_000)
    assert.equal(client.state, 'waiting')
    client.close()
  })

  test('ends at what is no frame', async (t) => {
    const {
      client,
      connection,
      begun: pending,
    } = await beginOne(t, (client) => client.fetch('/', { method: 'POST' }), { random })
    connection.sendRaw(Uint8Array.of(1, 2, 3))
    await assert.rejects(pending, { code: 'protocol_error' })
    await eventually('closed with its code', () => connection.closeCode === 4400)
    client.close()
  })

  test('is none with a server that does not speak its protocol', async (t) => {
    const router = await startFakeRouter(t, { selectProtocol: () => false })
    const clock = new ManualClock()
    const client = connect(router.url, { clock, random })
    const pending = client.fetch('/')
    await eventually('refused', () => client.state === 'waiting')
    clock.advance(10_000)
    await assert.rejects(pending, { code: 'not_connected' })
    client.close()
  })

  test('is given up if it does not open within 10 seconds', async () => {
    const clock = new ManualClock()
    class Silent {
      binaryType = ''
      readonly protocol = ''
      addEventListener() {}
      send() {}
      close() {}
    }
    const client = connect(NOWHERE, { clock, random, eager: true, WebSocket: Silent })
    clock.advance(9_999)
    assert.equal(client.state, 'connecting')
    clock.advance(1)
    assert.equal(client.state, 'connecting', 'the next one, after a wait of nothing')
    client.close()
    assert.equal(clock.pending, 0)
  })

  test('leaves nothing behind when the client is closed', async (t) => {
    const router = await startFakeRouter(t)
    const clock = new ManualClock()
    const client = connect(router.url, { clock, random })
    const signals = new AbortController()
    const headed = client.fetch('/headed', { signal: signals.signal, deadline: 9000 })
    const waiting = client.fetch('/waiting', { signal: signals.signal, deadline: 9000 })
    const duplex = client.open('/duplex', { signal: signals.signal })
    const connection = await router.connection()
    await connection.frame('open', 3)
    connection.send({ t: 'head', id: 1, status: 200 }, { t: 'data', id: 1, body: 'x' })
    const response = await headed
    client.close()
    await assert.rejects(waiting, { code: 'closed' })
    await assert.rejects(response.text(), { code: 'closed' })
    await assert.rejects(duplex.closed, { code: 'closed' })
    await assert.rejects(duplex.send('x'), { code: 'closed' })
    assert.equal(client.state, 'closed')
    assert.equal(clock.pending, 0)
    await eventually('the connection is closed', () => connection.closeCode === 1000)
  })
})
