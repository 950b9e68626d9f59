import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { ExchangeError } from '../../../src/exchange/errors.ts'
import type { MessageMeta } from '../../../src/exchange/exchange.ts'
import type { Stream } from '../../../src/wire/stream.ts'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { type StreamBackend, startStreamBackend } from '../../support/stream-backend.ts'
import { openSocket } from './start-client.ts'

const HEAD = { status: 200, headers: [] }

describe('a WebSocket that is one exchange', () => {
  let gateway: Gateway
  let backend: StreamBackend
  const subject = (name: string) => `t${process.pid}wsstream.${name}`
  const url = (name: string) => `${gateway.url}/term/${name}`

  before(async () => {
    const nats = await natsUrl()
    gateway = await startGateway({
      natsUrl: nats,
      routes: [
        { name: 'term', match: { kind: 'ws', path: '/term/{id}' }, subject: subject('{id}'), timeout: '1s' },
        {
          name: 'small',
          match: { kind: 'ws', path: '/small' },
          subject: subject('echo'),
          limits: { bodyBytes: '1KiB' },
        },
        { name: 'events', match: { kind: 'ws', path: '/events' }, subject: subject('events'), reply: 'many' },
      ],
    })
    backend = await startStreamBackend(nats)
    await backend.handle(subject('echo'), (stream) => {
      stream.accept(1, 65536)
      stream.head(HEAD)
      return {
        data: (chunk, meta) => stream.data(chunk, meta),
        drained: () => stream.drained(),
        end: () => stream.end(),
      }
    })
  })
  after(async () => {
    await gateway.close()
    await backend.close()
  })

  /** Ended and released at every end. */
  async function assertOver() {
    await gateway.assertIdle()
    await eventually('the streams of the backend', () => backend.open === 0)
  }

  test('keeps text and binary, both ways', async () => {
    const socket = await openSocket(url('echo'))
    socket.ws.send('grüße')
    socket.ws.send(Buffer.from([0, 255, 1]))
    socket.ws.send('')
    await socket.messages(3)
    assert.deepEqual(
      socket.received.map(({ data, isBinary }) => [data.toString('hex'), isBinary]),
      [
        [Buffer.from('grüße').toString('hex'), false],
        ['00ff01', true],
        ['', false],
      ],
    )
    socket.ws.close()
    await socket.closed()
    await assertOver()
    const { status, code, bytesIn, bytesOut } = gateway.ended.at(-1)!
    assert.deepEqual({ status, code, bytesIn, bytesOut }, { status: 101, code: 'ok', bytesIn: 10, bytesOut: 10 })
  })

  test('tells the backend of the client, without the fields that are of the connection', async () => {
    let open: { headers: readonly string[] } | undefined
    await backend.handle(subject('open'), (stream, frame) => {
      open = frame
      stream.accept(1, 65536)
      stream.head(HEAD)
      stream.end([], 1000)
      return {}
    })
    const socket = await openSocket(`${url('open')}?a=%20b`, {
      headers: { 'x-user': 'u1' },
      protocols: ['b.v2', 'b.v1'],
    })
    assert.equal(socket.ws.protocol, 'b.v2')
    assert.equal((await socket.closed()).code, 1000)
    const { headers } = open!
    const field = (name: string) => headers.find((_, i) => i > 0 && i % 2 === 1 && headers[i - 1] === name)
    assert.deepEqual(['sx-kind', 'sx-method', 'sx-path', 'sx-query', 'x-user', 'sec-websocket-protocol'].map(field), [
      'ws',
      'GET',
      '/term/open',
      'a=%20b',
      'u1',
      'b.v2,b.v1',
    ])
    assert.equal(field('sec-websocket-key'), undefined)
    await assertOver()
  })

  test('hands messages on whole, however large, and in the order in which they came', async () => {
    const socket = await openSocket(url('echo'))
    const sizes = [200_000, 1, 0, 500_000, 65_536]
    for (const [i, size] of sizes.entries()) socket.ws.send(Buffer.alloc(size, i + 1))
    await socket.messages(sizes.length)
    for (const [i, { data, isBinary }] of socket.received.entries()) {
      assert.ok(isBinary && data.equals(Buffer.alloc(sizes[i]!, i + 1)), `message ${i}`)
    }
    socket.ws.close()
    await socket.closed()
    await assertOver()
  })

  test('keeps one message as large as may be until a backend has accepted', async () => {
    let accept: (() => void) | undefined
    await backend.handle(subject('late'), (stream) => {
      accept = () => {
        stream.accept(1, 65536)
        stream.head(HEAD)
      }
      return {
        data: (chunk, meta) => stream.data(chunk, meta),
        drained: () => stream.drained(),
        end: () => stream.end(),
      }
    })
    const socket = await openSocket(url('late'))
    const message = Buffer.alloc(1024 * 1024, 'm')
    socket.ws.send(message)
    socket.ws.ping()
    await once(socket.ws, 'pong')
    accept!()
    await socket.messages(1)
    assert.ok(socket.received[0]!.data.equals(message))
    socket.ws.close()
    await socket.closed()
    await assertOver()
  })

  test('joins what the client sends in fragments', async () => {
    const socket = await openSocket(url('echo'))
    for (const [part, fin] of [
      ['a', false],
      ['b', false],
      ['c', true],
    ] as const)
      socket.ws.send(part, { fin })
    assert.deepEqual(await socket.messages(1), ['abc'])
    socket.ws.terminate()
    await assertOver()
  })

  test('sends what the backend sends in parts as the fragments of one message', async () => {
    const text = Buffer.from('ä€😀'.repeat(1000))
    await backend.handle(subject('parts'), (stream) => {
      stream.accept(1, 65536)
      stream.head(HEAD)
      // Characters are cut by the parts.
      for (let at = 0; at < text.length; at += 7) {
        const isLast = at + 7 >= text.length
        const meta: MessageMeta = isLast ? { type: 'text' } : { type: 'text', fin: false }
        stream.data(text.subarray(at, at + 7), meta)
      }
      stream.data(Buffer.from('next'), { type: 'binary' })
      stream.end()
      return {}
    })
    const socket = await openSocket(url('parts'))
    assert.deepEqual(await socket.messages(2), [text.toString(), 'next'])
    assert.deepEqual(
      socket.received.map(({ isBinary }) => isBinary),
      [false, true],
    )
    await socket.closed()
    await assertOver()
  })

  for (const [name, send] of [
    ['whole', (stream: Stream) => stream.data(Buffer.from([0xc3, 0x28]), { type: 'text' })],
    [
      'in parts',
      (stream: Stream) => {
        stream.data(Buffer.from([0x61, 0xc3]), { type: 'text', fin: false })
        stream.data(Buffer.from([0x28]), { type: 'text' })
      },
    ],
  ] as const) {
    test(`closes with 4502 over text of the backend that is not UTF-8, ${name}`, async () => {
      await backend.handle(subject(`bad-${name.replace(' ', '-')}`), (stream) => {
        stream.accept(1, 65536)
        stream.head(HEAD)
        send(stream)
        return {}
      })
      const socket = await openSocket(url(`bad-${name.replace(' ', '-')}`))
      assert.deepEqual(await socket.closed(), { code: 4502, reason: 'protocol_error' })
      assert.deepEqual(socket.texts, [])
      await assertOver()
    })
  }

  test('sends a message without a type as text if it is UTF-8, else as binary', async () => {
    await backend.handle(subject('untyped'), (stream) => {
      stream.accept(1, 65536)
      stream.head(HEAD)
      stream.data(Buffer.from('{}'))
      stream.data(Buffer.from([0xff]))
      stream.end()
      return {}
    })
    const socket = await openSocket(url('untyped'))
    assert.equal((await socket.closed()).code, 1000)
    assert.deepEqual(
      socket.received.map(({ isBinary }) => isBinary),
      [false, true],
    )
    await assertOver()
  })

  test('gives each reply of a plain responder as a message', async () => {
    const subscription = backend.nats.subscribe(subject('events'), {
      callback: (_error, message) => {
        for (const text of ['one', 'two', '']) message.respond(Buffer.from(text))
      },
    })
    await backend.nats.flush()
    const socket = await openSocket(`${gateway.url}/events`)
    assert.deepEqual(await socket.messages(2), ['one', 'two'])
    assert.equal((await socket.closed()).code, 1000)
    subscription.unsubscribe()
    await assertOver()
  })

  test("tells the backend the client's close code, and lets it end in its own time", async () => {
    const codes: (number | undefined)[] = []
    await backend.handle(subject('codes'), (stream) => {
      stream.accept(1, 65536)
      stream.head(HEAD)
      return {
        end(_trailers, closeCode) {
          codes.push(closeCode)
          // Nobody hears it any more.
          stream.data(Buffer.from('too late'))
          stream.end()
        },
      }
    })
    for (const code of [4321, 1000, undefined]) {
      const socket = await openSocket(url('codes'))
      socket.ws.close(code)
      await socket.closed()
      await assertOver()
    }
    assert.deepEqual(codes, [4321, 1000, undefined])
    assert.deepEqual(
      gateway.ended.slice(-3).map(({ code }) => code),
      ['ok', 'ok', 'ok'],
    )
  })

  test("closes with the backend's close code, 1000 by default", async () => {
    await backend.handle(subject('end'), (stream, { headers }) => {
      const code = Number(headers[headers.indexOf('x-code') + 1])
      stream.accept(1, 65536)
      stream.head(HEAD)
      stream.data(Buffer.from('last'), { type: 'text' })
      stream.end([], code || undefined)
      return {}
    })
    for (const [sent, seen] of [
      ['4999', 4999],
      ['3000', 3000],
      ['1001', 1001],
      ['none', 1000],
    ] as const) {
      const socket = await openSocket(url('end'), { headers: { 'x-code': sent } })
      assert.deepEqual(await socket.closed(), { code: seen, reason: '' })
      assert.deepEqual(socket.texts, ['last'])
    }
    await assertOver()
  })

  test('closes with the code of a status that the backend refuses with', async () => {
    await backend.handle(subject('refuse'), (stream, { headers }) => {
      stream.accept(1, 65536)
      stream.head({ status: Number(headers[headers.indexOf('x-status') + 1]), headers: [] })
      return {}
    })
    for (const [status, code] of [
      [401, 4401],
      [404, 4404],
      [418, 1011],
      [500, 1011],
    ] as const) {
      const socket = await openSocket(url('refuse'), { headers: { 'x-status': String(status) } })
      assert.deepEqual(await socket.closed(), { code, reason: `status ${status}` })
      await assertOver()
      assert.equal(gateway.ended.at(-1)!.status, status)
    }
  })

  test('closes with 4503 when nobody listens, and with 4504 when nobody answers', async () => {
    const socket = await openSocket(url('nobody'))
    assert.deepEqual(await socket.closed(), { code: 4503, reason: 'no_responders' })
    const silent = backend.nats.subscribe(subject('silent'), { callback() {} })
    await backend.nats.flush()
    const waiting = await openSocket(url('silent'))
    assert.deepEqual(await waiting.closed(), { code: 4504, reason: 'timeout' })
    silent.unsubscribe()
    await assertOver()
  })

  test('closes with 4502 when the backend ends in the middle of a message', async () => {
    await backend.handle(subject('half'), (stream) => {
      stream.accept(1, 65536)
      stream.head(HEAD)
      stream.data(Buffer.from('half of'), { type: 'text', fin: false })
      stream.end([], 1000)
      return {}
    })
    const socket = await openSocket(url('half'))
    assert.deepEqual(await socket.closed(), { code: 4502, reason: 'protocol_error' })
    assert.deepEqual(socket.received, [])
    await assertOver()
  })

  test("closes with the code of the backend's reset", async () => {
    await backend.handle(subject('reset'), (stream) => {
      stream.accept(1, 65536)
      stream.head(HEAD)
      return {
        data() {
          stream.reset(new ExchangeError('rate_limited', 'enough'))
          return true
        },
      }
    })
    const socket = await openSocket(url('reset'))
    socket.ws.send('go')
    assert.deepEqual(await socket.closed(), { code: 4429, reason: 'rate_limited' })
    await assertOver()
  })

  test('resets the exchange when the connection breaks', async () => {
    const socket = await openSocket(url('echo'))
    socket.ws.send('hello')
    await socket.messages(1)
    backend.resets.length = 0
    socket.ws.terminate()
    await eventually('the reset', () => backend.resets.length === 1)
    assert.equal(backend.resets[0]!.code, 'client_gone')
    await assertOver()
    assert.equal(gateway.ended.at(-1)!.code, 'client_gone')
  })

  test('closes with 1009 for a message larger than the route or the listener takes', async () => {
    const small = await openSocket(`${gateway.url}/small`)
    small.ws.send(Buffer.alloc(1024))
    await small.messages(1)
    small.ws.send(Buffer.alloc(1025))
    assert.deepEqual(await small.closed(), { code: 1009, reason: 'too_large' })
    const socket = await openSocket(url('echo'))
    socket.ws.send(Buffer.alloc(1024 * 1024 + 1))
    assert.deepEqual(await socket.closed(), { code: 1009, reason: 'too_large' })
    await assertOver()
    assert.equal(gateway.ended.at(-1)!.code, 'too_large')
  })

  test('cuts a connection whose message is larger still, and says why in the log', async () => {
    const socket = await openSocket(url('echo'))
    socket.ws.send(Buffer.alloc(2 * 1024 * 1024 + 1))
    assert.equal((await socket.closed()).code, 1006)
    await assertOver()
    assert.equal(gateway.ended.at(-1)!.code, 'too_large')
  })
})
