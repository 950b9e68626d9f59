import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startTcpAdapter } from '../../../src/adapters/tcp/adapter.ts'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import { ExchangeError } from '../../../src/exchange/errors.ts'
import type { MessageMeta } from '../../../src/exchange/exchange.ts'
import { DEAF_LIMIT_OBSERVER } from '../../../src/exchange/limit.ts'
import type { Stream } from '../../../src/wire/stream.ts'
import { eventually } from '../../support/eventually.ts'
import { silentLogger } from '../../support/silent-logger.ts'
import type { StreamHandler } from '../../support/stream-backend.ts'
import { unlimitedConnections } from '../../support/unlimited.ts'
import { echo, startRawTcp } from './start-tcp.ts'
import { connectTcp } from './tcp-client.ts'

/** What the backend heard of one connection. */
interface Heard {
  readonly stream: Stream
  readonly headers: ReadonlyMap<string, string>
  readonly messages: { readonly text: string; readonly meta: MessageMeta | undefined }[]
  ended: boolean
  error: ExchangeError | undefined
}

/** Accepts and writes down; the test does the rest. */
function recorder() {
  const all: Heard[] = []
  const handler: StreamHandler = (stream, open) => {
    const headers = new Map<string, string>()
    for (let i = 0; i < open.headers.length; i += 2) headers.set(open.headers[i]!, open.headers[i + 1]!)
    const heard: Heard = { stream, headers, messages: [], ended: false, error: undefined }
    all.push(heard)
    stream.accept(1, 64 * 1024)
    return {
      data(chunk, meta) {
        heard.messages.push({ text: Buffer.from(chunk).toString('latin1'), meta })
        return true
      },
      end() {
        heard.ended = true
      },
      reset(error) {
        heard.error = error
      },
    }
  }
  return { handler, all, first: () => eventually('an exchange', () => all[0]) }
}

describe('a raw TCP connection', () => {
  test('is one exchange: bytes both ways, FIN as the end of each', async (t) => {
    const { handler, first } = recorder()
    const tcp = await startRawTcp(t, { handler })
    const client = connectTcp(t, tcp.port)
    client.socket.write('one')
    const heard = await first()
    assert.deepEqual(
      ['sx-kind', 'sx-method', 'sx-path', 'sx-remote', 'sx-route', 'sx-length'].map((name) => heard.headers.get(name)),
      ['tcp', '', '', '127.0.0.1', 'shell', undefined],
    )
    assert.match(heard.headers.get('sx-request-id')!, /^tcp-\d+$/)
    await eventually('the bytes', () => heard.messages.map(({ text }) => text).join('') === 'one')
    assert.equal(heard.messages[0]!.meta, undefined)
    client.socket.end('two')
    await eventually('the end', () => heard.ended)
    assert.equal(heard.messages.map(({ text }) => text).join(''), 'onetwo')

    // The other direction is open still.
    heard.stream.head({ status: 200, headers: [] })
    heard.stream.data(Buffer.from('after the end'))
    await eventually('bytes after FIN', () => client.received().toString() === 'after the end')
    heard.stream.end()
    assert.equal(await client.outcome, 'end')
    await tcp.assertIdle()
    assert.deepEqual(tcp.ended, [
      { route: 'shell', remote: '127.0.0.1', client: undefined, status: 200, code: 'ok', bytesIn: 6, bytesOut: 13 },
    ])
  })

  test('goes on towards the backend after the backend has ended', async (t) => {
    const { handler, first } = recorder()
    const tcp = await startRawTcp(t, { handler })
    const client = connectTcp(t, tcp.port)
    const heard = await first()
    heard.stream.head({ status: 200, headers: [] })
    heard.stream.end()
    assert.equal(await client.outcome, 'end')
    client.socket.end('still here')
    await eventually('the end', () => heard.ended)
    assert.equal(heard.messages.map(({ text }) => text).join(''), 'still here')
    await tcp.assertIdle()
    assert.equal(tcp.ended[0]!.code, 'ok')
  })

  test('reset by the client resets the exchange', async (t) => {
    const { handler, first } = recorder()
    const tcp = await startRawTcp(t, { handler })
    const client = connectTcp(t, tcp.port)
    client.socket.write('x')
    const heard = await first()
    await eventually('the byte', () => heard.messages.length === 1)
    client.socket.resetAndDestroy()
    await eventually('the reset', () => heard.error?.code === 'client_gone')
    assert.equal(heard.ended, false)
    await tcp.assertIdle()
    assert.equal(tcp.ended[0]!.code, 'client_gone')
  })

  test('is no end for the backend when the client resets right behind its last bytes', async (t) => {
    const { handler, all } = recorder()
    const tcp = await startRawTcp(t, { handler })
    for (let n = 1; n <= 10; n++) {
      const client = connectTcp(t, tcp.port)
      await eventually('the exchange', () => all.length === n)
      // Both are there when the router looks: Node then reads the bytes, and an end.
      client.socket.write(Buffer.alloc(32 * 1024), () => client.socket.resetAndDestroy())
      await eventually('the reset', () => all.at(-1)!.error?.code === 'client_gone')
      assert.equal(all.at(-1)!.ended, false)
    }
    await tcp.assertIdle()
  })

  test('is reset, never ended, when the backend resets', async (t) => {
    const { handler, first } = recorder()
    const tcp = await startRawTcp(t, { handler })
    const client = connectTcp(t, tcp.port)
    const heard = await first()
    heard.stream.head({ status: 200, headers: [] })
    heard.stream.data(Buffer.from('half'))
    await eventually('the half', () => client.received().toString() === 'half')
    heard.stream.reset(new ExchangeError('backend_error', 'test'))
    assert.equal(await client.outcome, 'reset')
    await tcp.assertIdle()
    assert.equal(tcp.ended[0]!.code, 'backend_error')
  })

  test('is reset when the head of the backend is an error', async (t) => {
    const { handler, first } = recorder()
    const tcp = await startRawTcp(t, { handler })
    const client = connectTcp(t, tcp.port)
    const heard = await first()
    heard.stream.head({ status: 403, headers: [] })
    heard.stream.data(Buffer.from('not for the client'))
    assert.equal(await client.outcome, 'reset')
    assert.equal(client.received().length, 0)
    await eventually('the backend hears of it', () => heard.error !== undefined)
    await tcp.assertIdle()
  })

  test('is reset when nobody listens, and when the answer is late', async (t) => {
    const nobody = await startRawTcp(t)
    assert.equal(await connectTcp(t, nobody.port).outcome, 'reset')
    await nobody.assertIdle()
    assert.deepEqual(nobody.ended[0]!.code, 'no_responders')

    const silent = await startRawTcp(t, { handler: () => ({}), route: { timeout: '50ms' } })
    assert.equal(await connectTcp(t, silent.port).outcome, 'reset')
    await eventually('counted', () => silent.ended[0]?.code === 'timeout')
  })

  test('is reset, and logged once, when the table has no such route', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo, routeName: 'missing' })
    for (let i = 0; i < 3; i++) assert.equal(await connectTcp(t, tcp.port).outcome, 'reset')
    assert.equal(tcp.ended.length, 3)
    assert.equal(tcp.ended[0]!.code, 'no_route')
    assert.equal(tcp.warnings.length, 1)
    assert.match(tcp.warnings[0]!, /no tcp route/)
  })

  test('gets the one reply of a plain responder, and then FIN', async (t) => {
    const tcp = await startRawTcp(t, { framing: 'line' })
    tcp.backend.nats.subscribe(tcp.subject, { callback: (_error, message) => void message.respond('plain') })
    await tcp.backend.nats.flush()
    const client = connectTcp(t, tcp.port)
    assert.equal(await client.outcome, 'end')
    assert.equal(client.received().toString(), 'plain\n')
    client.socket.end()
    await tcp.assertIdle()
    assert.equal(tcp.ended[0]!.code, 'ok')
  })

  test('carries all that is sent at once with FIN, before the backend has accepted', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo, framing: 'line' })
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}`).join('\n')
    const client = connectTcp(t, tcp.port)
    client.socket.end(lines)
    assert.equal(await client.outcome, 'end')
    assert.ok(client.received().toString() === `${lines}\n`)
    await tcp.assertIdle()
    assert.equal(tcp.ended[0]!.code, 'ok')
  })

  test('echoes megabytes unharmed', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo })
    const sent = Buffer.alloc(8 * 1024 * 1024)
    for (let i = 0; i < sent.length; i += 4) sent.writeUInt32BE(i, i)
    const client = connectTcp(t, tcp.port)
    client.socket.end(sent)
    assert.equal(await client.outcome, 'end')
    assert.ok(client.received().equals(sent))
    await tcp.assertIdle()
  })
})

describe('framing', () => {
  test('line: each line is a text message, with either line end, and each message gets one', async (t) => {
    const { handler, first } = recorder()
    const tcp = await startRawTcp(t, { handler, framing: 'line' })
    const client = connectTcp(t, tcp.port)
    client.socket.end('one\r\n\ntwo\nlast')
    const heard = await first()
    await eventually('the end', () => heard.ended)
    assert.deepEqual(
      heard.messages,
      ['one', '', 'two', 'last'].map((text) => ({ text, meta: { type: 'text' } })),
    )
    heard.stream.head({ status: 200, headers: [] })
    heard.stream.data(Buffer.from('re'), { type: 'text', fin: false })
    heard.stream.data(Buffer.from('ply'), { type: 'text' })
    heard.stream.data(Buffer.from('next'))
    heard.stream.end()
    assert.equal(await client.outcome, 'end')
    assert.equal(client.received().toString(), 'reply\nnext\n')
  })

  test('line: more than 64 KiB without an end resets both sides', async (t) => {
    const { handler, first } = recorder()
    const tcp = await startRawTcp(t, { handler, framing: 'line' })
    const client = connectTcp(t, tcp.port)
    const heard = await first()
    client.socket.write('x'.repeat(64 * 1024 + 2))
    assert.equal(await client.outcome, 'reset')
    await eventually('the backend hears of it', () => heard.error?.code === 'too_large')
    await tcp.assertIdle()
  })

  test('u32: messages with their length, empty and large ones, both ways', async (t) => {
    const { handler, first } = recorder()
    const tcp = await startRawTcp(t, { handler, framing: 'u32' })
    const client = connectTcp(t, tcp.port)
    const large = 'x'.repeat(150_000)
    client.socket.end(Buffer.concat([u32('one'), u32(''), u32(large)]))
    const heard = await first()
    await eventually('the end', () => heard.ended)
    const messages: string[] = ['']
    for (const { text, meta } of heard.messages) {
      assert.equal(meta?.type, 'binary')
      messages.push(messages.pop()! + text)
      if (meta?.fin !== false) messages.push('')
    }
    assert.deepEqual(messages, ['one', '', large, ''])

    heard.stream.head({ status: 200, headers: [] })
    heard.stream.data(Buffer.from(large), { type: 'binary' })
    heard.stream.data(Buffer.from('end'))
    heard.stream.end()
    assert.equal(await client.outcome, 'end')
    assert.ok(client.received().equals(Buffer.concat([u32(large), u32('end')])))
    await tcp.assertIdle()
  })

  for (const framing of ['line', 'u32'] as const) {
    test(`${framing}: a backend that ends in the middle of a message has its client reset`, async (t) => {
      const { handler, first } = recorder()
      const tcp = await startRawTcp(t, { handler, framing })
      const client = connectTcp(t, tcp.port)
      const heard = await first()
      heard.stream.head({ status: 200, headers: [] })
      heard.stream.data(Buffer.from('whole'), { type: 'binary' })
      heard.stream.data(Buffer.from('half of'), { type: 'binary', fin: false })
      heard.stream.end()
      assert.equal(await client.outcome, 'reset')
      await tcp.assertIdle()
      assert.equal(tcp.ended.at(-1)?.code, 'protocol_error')
    })
  }

  test('u32: more than the route takes, or FIN inside a message, is an error', async (t) => {
    const { handler, all } = recorder()
    const tcp = await startRawTcp(t, { handler, framing: 'u32', route: { limits: { bodyBytes: '1KiB' } } })
    const largest = connectTcp(t, tcp.port)
    largest.socket.write(u32('x'.repeat(1024)))
    await eventually('all of it', () => all[0]?.messages[0]?.text.length === 1024)
    const tooLarge = connectTcp(t, tcp.port)
    tooLarge.socket.write(u32('x'.repeat(1025)).subarray(0, 10))
    assert.equal(await tooLarge.outcome, 'reset')
    const cut = connectTcp(t, tcp.port)
    cut.socket.end(u32('four').subarray(0, 6))
    assert.equal(await cut.outcome, 'reset')
    assert.equal(tcp.adapter.connections, 1)
    assert.deepEqual(
      tcp.ended.map(({ code }) => code),
      ['too_large', 'bad_request'],
    )
    assert.ok(all.every(({ ended }) => !ended))
  })
})

const IDLE_MS = 600

describe('a raw TCP listener', () => {
  test('resets connections over its limit, counts them, and takes new ones when others leave', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo, maxConnections: 2 })
    const clients = [connectTcp(t, tcp.port), connectTcp(t, tcp.port)]
    await eventually('both are in', () => tcp.adapter.connections === 2)
    const third = connectTcp(t, tcp.port)
    assert.equal(await third.outcome, 'reset', 'a FIN would be the end of an answer')
    assert.deepEqual([tcp.adapter.refusedConnections, tcp.limited], [1, ['connections']])
    clients[0]!.socket.end()
    assert.equal(await clients[0]!.outcome, 'end')
    await eventually('room again', () => tcp.adapter.connections === 1)
    const fourth = connectTcp(t, tcp.port)
    fourth.socket.end('in')
    assert.equal(await fourth.outcome, 'end')
    assert.equal(fourth.received().toString(), 'in')
  })

  test('resets a connection on which nothing moves for the idle timeout', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo, idleTimeoutMs: IDLE_MS })
    const client = connectTcp(t, tcp.port)
    // Longer than the timeout in all, and never without a byte for so long.
    let silentAt = 0
    for (let i = 0; i < 5; i++) {
      await delay(IDLE_MS / 4)
      silentAt = performance.now()
      client.socket.write('x')
    }
    await eventually('all came back', () => client.received().length === 5)
    assert.deepEqual([tcp.adapter.connections, tcp.limited], [1, []])
    assert.equal(await client.outcome, 'reset')
    const silentMs = performance.now() - silentAt
    assert.ok(silentMs >= IDLE_MS - 1, `reset after ${silentMs} ms without a byte`)
    await tcp.assertIdle()
    assert.equal(tcp.ended[0]!.code, 'timeout')
    assert.deepEqual(tcp.limited, ['idle'])
  })

  test('ends a connection whose client has got all and does not close', async (t) => {
    const { handler, first } = recorder()
    const tcp = await startRawTcp(t, { handler, idleTimeoutMs: 200 })
    const client = connectTcp(t, tcp.port)
    const heard = await first()
    heard.stream.head({ status: 200, headers: [] })
    heard.stream.data(Buffer.from('all'))
    heard.stream.end()
    assert.equal(await client.outcome, 'end')
    assert.equal(client.received().toString(), 'all')
    await eventually('the backend hears of it', () => heard.error?.code === 'client_gone')
    assert.equal(heard.ended, false)
    await tcp.assertIdle()
    assert.equal(tcp.ended[0]!.code, 'ok')
    assert.deepEqual(tcp.limited, [])
  })

  test('drains: streams go on until they end', async (t) => {
    const tcp = await startRawTcp(t, { handler: echo })
    const client = connectTcp(t, tcp.port)
    client.socket.write('a')
    await eventually('the echo', () => client.received().length === 1)
    const drained = tcp.adapter.drain(10_000)
    const late = connectTcp(t, tcp.port)
    await assert.rejects(late.outcome, { code: 'ECONNREFUSED' })
    client.socket.end('b')
    assert.equal(await client.outcome, 'end')
    assert.equal(client.received().toString(), 'ab')
    await drained
  })

  test('drains: what is under way at the deadline is reset, both ways', async (t) => {
    const { handler, first } = recorder()
    const tcp = await startRawTcp(t, { handler })
    const client = connectTcp(t, tcp.port)
    const heard = await first()
    const [outcome] = await Promise.all([client.outcome, tcp.adapter.drain(50)])
    assert.equal(outcome, 'reset')
    await eventually('the backend hears of it', () => heard.error?.code === 'draining')
    await tcp.assertIdle()
  })

  test('says why it cannot listen', async (t) => {
    const { adapter } = await startRawTcp(t)
    const started = startTcpAdapter({
      host: '127.0.0.1',
      port: adapter.port,
      tls: undefined,
      proxyProtocol: false,
      maxConnections: 1,
      limits: unlimitedConnections(),
      observer: DEAF_LIMIT_OBSERVER,
      wheel: new DeadlineWheel(),
      logger: silentLogger,
      protocol: () => () => assert.fail('no connection was expected'),
    })
    await assert.rejects(started, new RegExp(`cannot listen on 127.0.0.1:${adapter.port}: .*EADDRINUSE`))
  })
})

function u32(text: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, Buffer.from(text, 'latin1')])
}
