import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { connect } from 'nats'
import { MessageRate } from '../../src/adapters/message-rate.ts'
import { openSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'
import { startStreamBackend } from '../support/stream-backend.ts'
import { createTestClock } from './test-clock.ts'

const MESSAGES = 10
const BYTES = 1000

let next = 0

/** Echoes over WebSocket, `rpc` and `stream`, and over mux, in a second that does not end. */
async function start(t: TestContext, options: Partial<GatewayOptions>): Promise<Gateway> {
  const url = await natsUrl()
  const subject = `limits.rate.${process.pid}.${next++}`
  const responder = await connect({ servers: url })
  responder.subscribe(`${subject}.rpc`, { callback: (_error, message) => void message.respond(message.data) })
  await responder.flush()
  const backend = await startStreamBackend(url)
  await backend.handle(`${subject}.stream`, (stream) => {
    stream.accept(1, 64 * 1024)
    stream.head({ status: 200, headers: [] })
    return { data: (chunk, meta) => stream.data(chunk, meta), end: () => stream.end() }
  })
  const gateway = await startGateway({
    natsUrl: url,
    routes: [
      { name: 'http', match: { path: '/echo' }, subject: `${subject}.rpc` },
      { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: `${subject}.rpc`, websocket: 'rpc' },
      { name: 'stream', match: { kind: 'ws', path: '/stream' }, subject: `${subject}.stream` },
      { name: 'nobody', match: { path: '/nobody' }, subject: `${subject}nobody`, noResponders: { hold: '1m' } },
    ],
    tcp: [{ protocol: 'mux', route: undefined }],
    now: () => 0,
    ...options,
  })
  t.after(async () => {
    await gateway.close()
    await responder.close()
    await backend.close()
  })
  return gateway
}

describe('messages of one connection', () => {
  for (const path of ['rpc', 'stream']) {
    test(`are as many in a second as they may be, and one more is the last: WebSocket, ${path}`, async (t) => {
      const gateway = await start(t, { messageRate: { messagesPerSecond: MESSAGES } })
      const neighbour = await openSocket(`${gateway.url}/${path}`)
      const socket = await openSocket(`${gateway.url}/${path}`)
      for (let i = 0; i < MESSAGES; i++) socket.ws.send(`${i}`)
      await socket.messages(MESSAGES)
      assert.equal(gateway.limited.count('messages_per_second'), 0)
      socket.ws.send('one more')
      assert.deepEqual(await socket.closed(), { code: 4429, reason: 'rate_limited' })
      assert.equal(socket.received.length, MESSAGES)
      assert.equal(gateway.limited.count('messages_per_second'), 1)
      neighbour.ws.send('still here')
      assert.deepEqual(await neighbour.messages(1), ['still here'])
      neighbour.ws.close()
      await neighbour.closed()
      await gateway.assertIdle()
    })
  }

  test('count pings, which are not answered without end either', async (t) => {
    const gateway = await start(t, { messageRate: { messagesPerSecond: MESSAGES } })
    const socket = await openSocket(`${gateway.url}/rpc`)
    let pongs = 0
    socket.ws.on('pong', () => pongs++)
    for (let i = 0; i < MESSAGES; i++) socket.ws.ping()
    await eventually('all are answered', () => pongs === MESSAGES)
    assert.equal(gateway.limited.count('messages_per_second'), 0)
    socket.ws.ping()
    assert.equal((await socket.closed()).code, 4429)
    assert.equal(gateway.limited.count('messages_per_second'), 1)
    await gateway.assertIdle()
  })

  test('are whole ones, in however many frames', async (t) => {
    const gateway = await start(t, { messageRate: { messagesPerSecond: 1 } })
    const socket = await openSocket(`${gateway.url}/rpc`)
    for (let i = 0; i < MESSAGES; i++) socket.ws.send('x', { fin: i === MESSAGES - 1 })
    assert.deepEqual(await socket.messages(1), ['x'.repeat(MESSAGES)])
    assert.equal(gateway.limited.count('messages_per_second'), 0)
    socket.ws.send('y')
    assert.equal((await socket.closed()).code, 4429)
  })

  test('are limited on a multiplexed WebSocket', async (t) => {
    const gateway = await start(t, { messageRate: { messagesPerSecond: MESSAGES } })
    const socket = await openSocket(`${gateway.url}/_sx`)
    for (let i = 0; i < MESSAGES; i++) socket.ws.send('{"t":"ping"}')
    await socket.messages(MESSAGES)
    assert.equal(gateway.limited.count('messages_per_second'), 0)
    socket.ws.send('{"t":"ping"}')
    assert.equal((await socket.closed()).code, 4429)
    assert.equal(socket.received.length, MESSAGES + 1)
    assert.match(socket.texts.at(-1)!, /"t":"goaway".*"code":"rate_limited"/)
    assert.equal(gateway.limited.count('messages_per_second'), 1)
    await gateway.assertIdle()
  })

  test('are limited on multiplexed TCP, and what was under way is ended', async (t) => {
    const gateway = await start(t, { messageRate: { messagesPerSecond: MESSAGES } })
    const raw = await openRaw(gateway.tcp.ports[0]!)
    raw.write('{"t":"open","id":1,"path":"/nobody"}\n')
    await eventually('an exchange', () => gateway.transport.size === 1)
    raw.write('{"t":"ping"}\n'.repeat(MESSAGES - 1))
    await raw.until(new RegExp(`^(\\{"t":"pong"\\}\n){${MESSAGES - 1}}$`))
    assert.equal(gateway.limited.count('messages_per_second'), 0)
    raw.write('{"t":"ping"}\n')
    assert.match(await raw.closed(), /"t":"goaway".*"code":"rate_limited"/)
    assert.equal(gateway.limited.count('messages_per_second'), 1)
    await gateway.assertIdle()
  })
})

describe('bytes of one connection', () => {
  for (const path of ['rpc', 'stream']) {
    test(`are as many in a second as they may be, and one more is the last: WebSocket, ${path}`, async (t) => {
      const gateway = await start(t, { messageRate: { bytesPerSecond: BYTES } })
      const socket = await openSocket(`${gateway.url}/${path}`)
      for (const bytes of [1, BYTES - 1]) socket.ws.send('x'.repeat(bytes))
      await socket.messages(2)
      assert.equal(gateway.limited.count('bytes_per_second'), 0)
      socket.ws.send('z')
      assert.deepEqual(await socket.closed(), { code: 4429, reason: 'rate_limited' })
      assert.equal(gateway.limited.count('bytes_per_second'), 1)
      await gateway.assertIdle()
    })
  }

  for (const encoding of ['WebSocket', 'TCP']) {
    test(`are limited on multiplexed ${encoding}, with all that is around a frame`, async (t) => {
      const gateway = await start(t, { messageRate: { bytesPerSecond: BYTES } })
      const ping = '{"t":"ping"}'
      if (encoding === 'WebSocket') {
        const socket = await openSocket(`${gateway.url}/_sx`)
        socket.ws.send(`${ping}${' '.repeat(BYTES - 2 * ping.length)}`)
        socket.ws.send(ping)
        await socket.messages(2)
        assert.equal(gateway.limited.count('bytes_per_second'), 0)
        socket.ws.send('x')
        assert.equal((await socket.closed()).code, 4429)
        assert.match(socket.texts.at(-1)!, /"code":"rate_limited".*1000 bytes in a second/)
      } else {
        const raw = await openRaw(gateway.tcp.ports[0]!)
        raw.write(`${ping}${' '.repeat(BYTES - 2 * ping.length - 2)}\n${ping}\n`)
        await raw.until(/pong.*\n.*pong/)
        assert.equal(gateway.limited.count('bytes_per_second'), 0)
        raw.write('\n')
        assert.match(await raw.closed(), /"code":"rate_limited".*1000 bytes in a second/)
      }
      assert.equal(gateway.limited.count('bytes_per_second'), 1)
      await gateway.assertIdle()
    })
  }

  test('may be more than a second takes in one message, after a second without any', async (t) => {
    const clock = createTestClock()
    const gateway = await start(t, { messageRate: { bytesPerSecond: BYTES }, now: clock.now })
    const large = 'x'.repeat(3 * BYTES)
    const patient = await openSocket(`${gateway.url}/rpc`)
    clock.pass(gateway.wheel, 1000)
    patient.ws.send(large)
    assert.deepEqual(await patient.messages(1), [large])
    clock.pass(gateway.wheel, 999)
    patient.ws.send('')
    assert.equal((await patient.closed()).code, 4429)
    await gateway.assertIdle()
  })
})

test('a message rate takes so many each second', () => {
  let nowMs = 0
  const rate = new MessageRate({ messagesPerSecond: 3, bytesPerSecond: 100 }, { now: () => nowMs })
  for (let second = 0; second < 5; second++) {
    for (let i = 0; i < 3; i++) assert.equal(rate.take(1, 33), undefined)
    nowMs += 1000
  }
  for (let i = 0; i < 3; i++) assert.equal(rate.take(1, 1), undefined)
  assert.equal(rate.take(1, 1), 'messages_per_second')
  nowMs += 1000
  assert.equal(rate.take(1, 500), undefined)
  assert.equal(rate.take(0, 1), 'bytes_per_second')
})

describe('streams of one connection', () => {
  test('are as many as they may be, and one more is busy', async (t) => {
    const gateway = await start(t, { maxStreams: 2 })
    const raw = await openRaw(gateway.tcp.ports[0]!)
    const neighbour = await openRaw(gateway.tcp.ports[0]!)
    for (const id of [1, 2]) raw.write(`{"t":"open","id":${id},"path":"/nobody"}\n`)
    await eventually('two exchanges', () => gateway.transport.size === 2)
    raw.write('{"t":"open","id":3,"path":"/nobody"}\n')
    await raw.until(/"t":"reset","id":3,"code":"busy","status":503,"retryable":true/)
    assert.equal(gateway.limited.count('streams'), 1)
    neighbour.write('{"t":"open","id":1,"method":"POST","path":"/echo","body":"hello"}\n')
    await neighbour.until(/"body":"hello"/)
    // When one has ended there is room for another.
    raw.write(
      '{"t":"reset","id":1,"code":"client_gone"}\n{"t":"open","id":4,"method":"POST","path":"/echo","body":"hello"}\n',
    )
    await raw.until(/"id":4.*"body":"hello"/)
    raw.write('{"t":"reset","id":2,"code":"client_gone"}\n')
    for (const client of [raw, neighbour]) client.destroy()
    await gateway.assertIdle()
  })
})
