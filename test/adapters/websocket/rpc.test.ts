import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { connect, headers, type Msg, type NatsConnection } from 'nats'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { openSocket } from './start-client.ts'

describe('a WebSocket whose messages are requests', () => {
  let gateway: Gateway
  let nats: NatsConnection
  const subject = (name: string) => `t${process.pid}wsrpc.${name}`
  const url = (name: string) => `${gateway.url}/rpc/${name}`

  before(async () => {
    const server = await natsUrl()
    nats = await connect({ servers: server })
    gateway = await startGateway({
      natsUrl: server,
      routes: [
        {
          name: 'rpc',
          match: { kind: 'ws', path: '/rpc/{name}' },
          subject: subject('{name}'),
          websocket: 'rpc',
          timeout: '1s',
        },
        {
          name: 'many',
          match: { kind: 'ws', path: '/many/{name}' },
          subject: subject('many.{name}'),
          websocket: 'rpc',
          reply: 'many',
        },
        {
          name: 'tenant',
          match: { kind: 'ws', path: '/tenant' },
          subject: subject('tenant.{tenant}'),
          params: { tenant: { header: 'x-tenant' } },
          websocket: 'rpc',
          forwardHeaders: 'none',
        },
      ],
    })
  })
  after(async () => {
    await gateway.close()
    await nats.close()
  })

  /** Serves a subject, one for each test, and holds what comes in so that the test can answer as it likes. */
  async function serve(name: string, onRequest: (message: Msg) => void = () => {}) {
    const requests: Msg[] = []
    nats.subscribe(subject(name), {
      callback: (_error, message) => {
        requests.push(message)
        onRequest(message)
      },
    })
    await nats.flush()
    return { requests }
  }

  test('finds a value for the subject in a header of the handshake that the backend does not get', async () => {
    const { requests } = await serve('tenant.acme', (message) => message.respond('ok'))
    const socket = await openSocket(`${gateway.url}/tenant`, { headers: { 'x-tenant': 'acme' } })
    socket.ws.send('')
    assert.deepEqual(await socket.messages(1), ['ok'])
    assert.equal(requests[0]?.headers?.get('x-tenant'), '')
    socket.ws.close()
    await socket.closed()
    await gateway.assertIdle()
  })

  test('answers each message with one, text with text and binary with binary', async () => {
    await serve('echo', (message) => message.respond(message.data))
    const socket = await openSocket(url('echo'))
    socket.ws.send('{"a":1}')
    socket.ws.send(Buffer.from('bytes'))
    socket.ws.send('')
    await socket.messages(3)
    assert.deepEqual(socket.texts, ['{"a":1}', 'bytes', ''])
    assert.deepEqual(
      socket.received.map(({ isBinary }) => isBinary),
      [false, true, false],
    )
    socket.ws.close()
    await socket.closed()
    await gateway.assertIdle()
    const ended = gateway.ended.filter(({ route }) => route === 'rpc')
    assert.deepEqual(
      ended.map(({ status, code, bytesIn, bytesOut }) => [status, code, bytesIn, bytesOut]),
      [
        [200, 'ok', 7, 7],
        [200, 'ok', 5, 5],
        [204, 'ok', 0, 0],
      ],
    )
    assert.equal(new Set(ended.map(({ requestId }) => requestId)).size, 3)
  })

  test('answers text with binary where the reply is not UTF-8', async () => {
    await serve('bytes', (message) => message.respond(Buffer.from([0xff, 0xfe])))
    const socket = await openSocket(url('bytes'))
    socket.ws.send('x')
    await socket.messages(1)
    assert.ok(socket.received[0]!.isBinary)
    socket.ws.terminate()
    await gateway.assertIdle()
  })

  test('hands each message on with the fields of the handshake and an id of its own', async () => {
    const backend = await serve('head', (message) => message.respond(message.data))
    const socket = await openSocket(`${url('head')}?a=1`, { headers: { authorization: 'Bearer t' } })
    socket.ws.send('1')
    socket.ws.send('2')
    await socket.messages(2)
    const [first, second] = backend.requests.map((message) => message.headers!)
    assert.equal(first!.get('Sx-Kind'), 'ws')
    assert.equal(first!.get('Sx-Query'), 'a=1')
    assert.equal(first!.get('Sx-Length'), '1')
    assert.equal(first!.get('authorization'), 'Bearer t')
    assert.equal(first!.get('sec-websocket-key'), '')
    assert.notEqual(first!.get('Sx-Request-Id'), second!.get('Sx-Request-Id'))
    socket.ws.terminate()
    await gateway.assertIdle()
  })

  test('sends replies in the order of the requests, whatever theirs is', async () => {
    const backend = await serve('order')
    const socket = await openSocket(url('order'))
    for (let i = 0; i < 10; i++) socket.ws.send(`request ${i}`)
    await eventually('the requests', () => backend.requests.length === 10)
    for (const message of [...backend.requests].reverse().slice(0, 9)) message.respond(message.data)
    await nats.flush()
    assert.deepEqual(socket.texts, [])
    backend.requests[0]!.respond(backend.requests[0]!.data)
    assert.deepEqual(
      await socket.messages(10),
      Array.from({ length: 10 }, (_, i) => `request ${i}`),
    )
    socket.ws.close()
    await gateway.assertIdle()
  })

  test('has 16 messages in flight at most, and begins the next with each reply', async () => {
    const backend = await serve('flight')
    const socket = await openSocket(url('flight'))
    for (let i = 0; i < 40; i++) socket.ws.send(String(i))
    await eventually('16 requests', () => backend.requests.length === 16)
    for (let i = 0; i < 40; i++) {
      const inFlight = await eventually('the next request', () => backend.requests[i])
      assert.ok(backend.requests.length - i <= 16)
      inFlight.respond(inFlight.data)
    }
    assert.deepEqual(
      await socket.messages(40),
      Array.from({ length: 40 }, (_, i) => String(i)),
    )
    socket.ws.close()
    await gateway.assertIdle()
  })

  test('closes with 1013 when more than 1 MiB waits to be asked', async () => {
    const backend = await serve('overrun')
    const socket = await openSocket(url('overrun'))
    for (let i = 0; i < 16 + 17; i++) socket.ws.send(Buffer.alloc(64 * 1024))
    assert.deepEqual(await socket.closed(), { code: 1013, reason: 'rate_limited' })
    assert.ok(backend.requests.length <= 16)
    await gateway.assertIdle()
  })

  test('bounds many tiny messages too', async () => {
    await serve('tiny')
    const socket = await openSocket(url('tiny'))
    for (let i = 0; i < 17_000; i++) socket.ws.send('')
    assert.equal((await socket.closed()).code, 1013)
    await gateway.assertIdle()
  })

  test('joins a response in chunks into one message', async () => {
    await serve('many.small', (message) => {
      for (const text of ['one ', 'two ', 'three', '']) message.respond(Buffer.from(text))
    })
    const socket = await openSocket(`${gateway.url}/many/small`)
    socket.ws.send('x')
    assert.deepEqual(await socket.messages(1), ['one two three'])
    socket.ws.close()
    await gateway.assertIdle()
  })

  test('fails a response in chunks that is larger than 1 MiB', async () => {
    await serve('many.large', (message) => {
      for (let i = 0; i < 17; i++) message.respond(Buffer.alloc(64 * 1024))
    })
    const socket = await openSocket(`${gateway.url}/many/large`)
    socket.ws.send('x')
    assert.deepEqual(await socket.closed(), { code: 4502, reason: 'backend_error' })
    await gateway.assertIdle()
  })

  test('closes with the code of an error, after the replies that come before it', async () => {
    const backend = await serve('fails')
    const socket = await openSocket(url('fails'))
    for (const text of ['a', 'b', 'c']) socket.ws.send(text)
    await eventually('the requests', () => backend.requests.length === 3)
    const refusal = headers()
    refusal.set('Nats-Service-Error-Code', '403')
    refusal.set('Nats-Service-Error', 'no')
    backend.requests[1]!.respond(Buffer.alloc(0), { headers: refusal })
    await nats.flush()
    backend.requests[0]!.respond(Buffer.from('first'))
    assert.equal((await socket.closed()).code, 4403)
    assert.deepEqual(socket.texts, ['first'])
    await gateway.assertIdle()
  })

  test('sends a reply that has a status of an error and something to say', async () => {
    await serve('says', (message) => {
      const status = headers()
      status.set('Sx-Status', '422')
      message.respond(Buffer.from('{"error":"empty"}'), { headers: status })
    })
    const socket = await openSocket(url('says'))
    socket.ws.send('x')
    assert.deepEqual(await socket.messages(1), ['{"error":"empty"}'])
    socket.ws.close()
    await gateway.assertIdle()
  })

  test('closes with 4503 when nobody listens, and with 4504 when nobody answers', async () => {
    const socket = await openSocket(url('nobody'))
    socket.ws.send('x')
    assert.deepEqual(await socket.closed(), { code: 4503, reason: 'no_responders' })
    await serve('silent')
    const waiting = await openSocket(url('silent'))
    waiting.ws.send('x')
    assert.deepEqual(await waiting.closed(), { code: 4504, reason: 'timeout' })
    await gateway.assertIdle()
  })

  test('releases what is in flight when the connection breaks', async () => {
    const backend = await serve('leaves')
    const socket = await openSocket(url('leaves'))
    for (let i = 0; i < 20; i++) socket.ws.send('x')
    await eventually('the requests', () => backend.requests.length === 16)
    socket.ws.terminate()
    await gateway.assertIdle()
    assert.deepEqual([...new Set(gateway.ended.slice(-16).map(({ code }) => code))], ['client_gone'])
  })

  test('asks no more while the client does not read its replies', async () => {
    const reply = Buffer.alloc(512 * 1024, 'r')
    const backend = await serve('slow', (message) => message.respond(reply))
    const socket = await openSocket(url('slow'))
    socket.ws.pause()
    for (let i = 0; i < 100; i++) socket.ws.send('x')
    await eventually('replies that wait', () => backend.requests.length >= 16)
    await eventually('rest', async () => {
      const before = backend.requests.length
      await nats.flush()
      return backend.requests.length === before
    })
    assert.ok(backend.requests.length < 60, `${backend.requests.length} of 100 were asked`)
    socket.ws.resume()
    await socket.messages(100)
    assert.ok(socket.received.every(({ data }) => data.equals(reply)))
    socket.ws.close()
    await gateway.assertIdle()
  })
})
