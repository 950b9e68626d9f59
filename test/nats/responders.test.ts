import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { eventually } from '../support/eventually.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { startNats, type TestNats } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'

describe('an exchange whose responder is not there, or not for long', () => {
  let server: TestNats
  let gateway: Gateway
  let nats: NatsConnection

  before(async () => {
    server = await startNats()
    nats = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 })
    gateway = await startGateway({
      natsUrl: server.url,
      routes: [
        { name: 'plain', match: { path: '/plain' }, subject: 'plain' },
        { name: 'silent', match: { path: '/silent' }, subject: 'silent' },
        { name: 'stream', match: { path: '/stream' }, subject: 'stream', reply: 'many' },
        { name: 'retried', match: { path: '/retried' }, subject: 'retried', noResponders: { retries: 2 } },
        { name: 'held', match: { path: '/held' }, subject: 'held', noResponders: { hold: '5s' }, timeout: '1s' },
        { name: 'brief', match: { path: '/brief' }, subject: 'brief', noResponders: { hold: '300ms' } },
      ],
    })
  })
  after(async () => {
    await gateway.close()
    await nats.close()
    await server.stop()
  })
  afterEach(async () => {
    await gateway.assertIdle()
    gateway.ended.length = 0
  })

  const codes = () => gateway.ended.map(({ code }) => code)
  const timed = async (path: string) => {
    const startedMs = performance.now()
    const response = await fetch(gateway.url + path)
    await response.text()
    return { status: response.status, ms: performance.now() - startedMs }
  }

  test('is not tried again on a server without peers, unless the route says so', async () => {
    assert.equal((await timed('/plain')).status, 503)
    const retried = await timed('/retried')
    assert.equal(retried.status, 503)
    assert.ok(retried.ms >= 0.75 * (50 + 150), `two retries take at least 150 ms, not ${retried.ms}`)
  })

  test('is sent once more after a 503 and finds a responder that has come', async () => {
    const answer = timed('/retried')
    await eventually('the request waits', () => gateway.wheel.size === 1 && gateway.transport.size === 1)
    const subscription = nats.subscribe('retried', { callback: (_error, message) => void message.respond('here') })
    await nats.flush()
    assert.equal((await answer).status, 200)
    subscription.unsubscribe()
  })

  test('is held until a responder comes, with its body, and reaches it once', async () => {
    const answer = fetch(`${gateway.url}/held`, { method: 'POST', body: 'kept' })
    await eventually('the request waits', () => gateway.transport.size === 1)
    let count = 0
    const subscription = nats.subscribe('held', {
      callback: (_error, message) => {
        count++
        message.respond(message.data)
      },
    })
    await nats.flush()
    assert.equal(await (await answer).text(), 'kept')
    assert.equal(count, 1)
    subscription.unsubscribe()
  })

  test('is held no longer than the route says', async () => {
    const { status, ms } = await timed('/brief')
    assert.equal(status, 503)
    assert.ok(ms >= 300 && ms < 2000, String(ms))
    assert.deepEqual(codes(), ['no_responders'])
  })

  test('is given up when its client leaves while it is held', async () => {
    const raw = await openRaw(gateway.port)
    raw.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n')
    await eventually('the request waits', () => gateway.transport.size === 1)
    raw.destroy()
    await gateway.assertIdle()
    assert.deepEqual(codes(), ['client_gone'])
  })

  test('fails at once when NATS is lost, new requests too, and all is well when it is back', async () => {
    let silent = 0
    nats.subscribe('silent', { callback: () => void silent++ })
    nats.subscribe('stream', { callback: (_error, message) => void message.respond('part') })
    nats.subscribe('plain', { callback: (_error, message) => void message.respond('well') })
    await nats.flush()
    const opened = timed('/silent')
    const stream = await openRaw(gateway.port)
    stream.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n')
    await stream.until(/part/)
    await eventually('the silent one got it', () => silent === 1)

    await server.kill()
    assert.equal((await opened).status, 503)
    assert.doesNotMatch(await stream.closed(), /\r\n0\r\n\r\n/)
    assert.equal((await timed('/plain')).status, 503)
    await gateway.assertIdle()
    assert.deepEqual(codes().sort(), ['gap', 'nats_unavailable', 'nats_unavailable'])

    server = await startNats({ port: server.port })
    await eventually('served again', async () => (await timed('/plain')).status === 200)
    assert.equal(gateway.link.reconnects, 1)
  })
})

test('an exchange on a server with peers is tried twice more: a 503 there may be false for a moment', async () => {
  const server = await startNats({ args: ['--cluster_name', 'test', '--cluster', 'nats://127.0.0.1:-1'] })
  const routes = [
    { name: 'default', match: { path: '/default' }, subject: 'nobody' },
    { name: 'never', match: { path: '/never' }, subject: 'nobody', noResponders: { retries: 0 } },
  ]
  const gateway = await startGateway({ natsUrl: server.url, routes })
  try {
    const startedMs = performance.now()
    assert.equal((await fetch(`${gateway.url}/default`)).status, 503)
    assert.ok(performance.now() - startedMs >= 150)
    const againMs = performance.now()
    assert.equal((await fetch(`${gateway.url}/never`)).status, 503)
    assert.ok(performance.now() - againMs < 150)
  } finally {
    await gateway.close()
    await server.stop()
  }
})
