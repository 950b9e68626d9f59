import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { ExchangeError } from '../../../src/exchange/errors.ts'
import { eventually } from '../../support/eventually.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { openRaw } from '../../support/raw-http.ts'

const SUBJECT = `t${process.pid}refusal`
/** More than enough to see both those that are read and those that are not. */
const MANY = 200

describe('a request that is not taken', () => {
  let gateway: Gateway
  let nats: NatsConnection
  let isOpen = false
  let published = 0

  before(async () => {
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [{ name: 'echo', match: { path: '/echo' }, subject: SUBJECT }],
      gate: { admits: () => isOpen, refusal: new ExchangeError('busy', 'too much of everything') },
    })
    nats = await connect({ servers: await natsUrl() })
    nats.subscribe(SUBJECT, {
      callback(_error, message) {
        published++
        message.respond(message.data)
      },
    })
    await nats.flush()
  })
  after(async () => {
    await gateway.assertIdle()
    await nats.close()
    await gateway.close()
  })

  const url = () => `${gateway.url}/echo`

  /** None of the next ones is. */
  const untilOneIsRead = async () => {
    const before = gateway.ended.length
    while (gateway.ended.length === before) await (await fetch(url())).arrayBuffer()
  }

  test('gets 503 with a problem, and nothing is published', async () => {
    for (let i = 0; i < MANY; i++) {
      const response = await fetch(url())
      const { requestId, ...problem } = (await response.json()) as Record<string, unknown>
      assert.deepEqual(problem, {
        type: 'about:blank',
        status: 503,
        code: 'busy',
        title: 'The service is busy',
        route: null,
      })
      assert.equal(requestId, response.headers.get('x-request-id'))
      assert.deepEqual(
        ['content-type', 'retry-after', 'cache-control', 'x-content-type-options'].map((name) =>
          response.headers.get(name),
        ),
        ['application/problem+json', '1', 'no-store', 'nosniff'],
      )
    }
    assert.equal(published, 0)
  })

  test('is counted once, read or not, and some of them are in the log', async () => {
    const before = gateway.ended.length + gateway.refused
    for (let i = 0; i < MANY; i++) await (await fetch(url())).arrayBuffer()
    assert.equal(gateway.ended.length + gateway.refused - before, MANY)
    assert.ok(gateway.ended.length >= 2)
  })

  test('gets the id back that it came with, unless that could do harm', async () => {
    for (let i = 0; i < MANY; i++) {
      const response = await fetch(url(), { headers: { 'x-request-id': `mine-${i}` } })
      assert.equal(response.headers.get('x-request-id'), `mine-${i}`)
      assert.equal(((await response.json()) as { requestId: string }).requestId, `mine-${i}`)
      const other = await fetch(url(), { headers: { 'x-request-id': '"}{' } })
      assert.match(((await other.json()) as { requestId: string }).requestId, /^test-\d+$/)
    }
  })

  test('has no content in the response to HEAD', async () => {
    for (let i = 0; i < 3; i++) {
      const response = await fetch(url(), { method: 'HEAD' })
      assert.deepEqual([response.status, await response.text()], [503, ''])
    }
  })

  // The first of many is read: it is not the first.
  for (const [name, headers, times] of [
    ['a body', {}, 1],
    ['a large body', {}, 5000],
    ['a body in chunks', { 'transfer-encoding': 'chunked' }, 1],
  ] as const) {
    test(`with ${name} leaves no trace of it for the request behind it`, async () => {
      for (let i = 0; i < 3; i++) {
        assert.equal(await post(url(), headers, times), 503)
        isOpen = true
        const response = await fetch(url(), { method: 'POST', body: 'taken' })
        isOpen = false
        assert.deepEqual([response.status, await response.text()], [200, 'taken'])
      }
    })
  }

  for (const [what, field] of [
    ['an empty length', 'Content-Length:'],
    ['an empty length before another', 'Content-Length:\r\nContent-Length: 36'],
    ['an empty coding', 'Transfer-Encoding:'],
    ['an empty coding before another', 'Transfer-Encoding:\r\nTransfer-Encoding: chunked'],
  ] as const) {
    test(`with ${what} is the last on its connection, as nobody knows where it ends`, async () => {
      await untilOneIsRead()
      const raw = await openRaw(gateway.port)
      raw.write(`GET /echo HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\nGET /echo HTTP/1.1\r\nHost: b\r\n\r\n`)
      assert.doesNotMatch(await raw.closed(), / 503 /)
    })
  }

  test('counts its connection among those that its client uses', async () => {
    const raw = await openRaw(gateway.port, '127.0.0.2')
    raw.write('GET /echo HTTP/1.1\r\nHost: a\r\n\r\n')
    await raw.until(/"}\n$/)
    await untilOneIsRead()
    const peer = gateway.connectionLimits.peers.get('127.0.0.2')!
    // As after a term in which nothing came.
    peer.quietBefore = peer.quiet
    peer.quiet = 0
    raw.write('GET /echo HTTP/1.1\r\nHost: a\r\n\r\n')
    await raw.until(/"}\nHTTP[\s\S]*"}\n$/)
    assert.deepEqual([peer.quietBefore, peer.quiet, peer.certain], [0, 1, 0])
    const opened = gateway.http.connections
    raw.destroy()
    await eventually('its connection is closed', () => gateway.http.connections < opened)
    assert.equal(gateway.limited.count('unfinished_head'), 0)
  })

  for (const length of [43, 100_000]) {
    test(`with ${length} bytes is followed by the next one of its connection, and by nothing else`, async () => {
      const body = 'GET /echo HTTP/1.1\r\nhost: h\r\nx-smuggled: 1\r\n\r\n'.repeat(3000).slice(0, length)
      const raw = await openRaw(gateway.port)
      for (const id of ['one', 'two', 'three']) {
        raw.write(`POST /echo HTTP/1.1\r\nhost: h\r\nx-request-id: ${id}\r\ncontent-length: ${length}\r\n\r\n`)
        raw.write(body.slice(0, 20))
        await raw.until(new RegExp(`"requestId":"${id}"`))
        raw.write(body.slice(20))
      }
      isOpen = true
      raw.write('POST /echo HTTP/1.1\r\nhost: h\r\nx-request-id: four\r\ncontent-length: 2\r\n\r\nok')
      const text = await raw.until(/x-request-id: four[\s\S]*ok$/i)
      isOpen = false
      raw.destroy()
      assert.equal(text.match(/HTTP\/1\.1 /g)?.length, 4)
    })
  }

  test('leaves the connection to the next one, which may be taken', async () => {
    await eventually('idle', () => gateway.http.exchanges === 0)
    const opened = gateway.http.connections
    for (let i = 0; i < MANY; i++) {
      isOpen = i % 2 === 0
      const response = await fetch(url())
      await response.arrayBuffer()
      assert.equal(response.status, isOpen ? 204 : 503)
    }
    isOpen = false
    assert.ok(gateway.http.connections <= opened + 1)
  })
})

test('a request that is not taken is the last on its connection while the listener drains', async (t) => {
  const refusal = new ExchangeError('busy', 'too much of everything')
  const gateway = await startGateway({ natsUrl: await natsUrl(), routes: [], gate: { admits: () => false, refusal } })
  t.after(() => gateway.close())
  const raw = await openRaw(gateway.port)
  const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
  // The first is read.
  raw.write(request)
  await raw.until(/"}\n$/)
  const drained = gateway.http.drain(5000)
  raw.write(request)
  assert.match(await raw.closed(), /HTTP[\s\S]*HTTP[\s\S]*\r\nConnection: close\r\n[\s\S]*"code":"busy"/)
  await drained
  assert.equal(gateway.refused, 1)
})

function post(url: string, headers: Record<string, string>, times: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode!))
    })
    sent.once('error', reject)
    sent.end('GET /echo HTTP/1.1\r\nhost: smuggled\r\n\r\n'.repeat(times))
  })
}
