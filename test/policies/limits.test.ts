import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { connect, type Msg, type NatsConnection } from 'nats'
import { WebSocket } from 'ws'
import { eventually } from '../support/eventually.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw } from '../support/raw-http.ts'
import { type StreamBackend, startStreamBackend } from '../support/stream-backend.ts'

const P = `t${process.pid}limits`

describe('limits of a route', () => {
  let nats: NatsConnection
  let backend: StreamBackend
  let gateway: Gateway
  /** Requests that have come and have no reply yet. */
  let waiting: Msg[] = []

  before(async () => {
    nats = await connect({ servers: await natsUrl() })
    nats.subscribe(`${P}.slow`, { callback: (_, message) => void waiting.push(message) })
    nats.subscribe(`${P}.fast`, { callback: (_, message) => void message.respond('ok') })
    await nats.flush()
    backend = await startStreamBackend(await natsUrl())
    await backend.handle(`${P}.stream`, (stream) => {
      stream.head({ status: 200, headers: [] })
      return { end: () => stream.end() }
    })
    const one = [{ concurrency: { max: 1 } }]
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [
        { name: 'one', match: { path: '/one' }, subject: `${P}.slow`, policies: one, timeout: '60s' },
        { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: `${P}.slow`, websocket: 'rpc', policies: one },
        { name: 'ws', match: { kind: 'ws', path: '/ws' }, subject: `${P}.stream`, policies: one },
        { name: 'tcp', match: { kind: 'tcp' }, subject: `${P}.stream`, policies: one },
        {
          name: 'fragile',
          match: { path: '/fragile' },
          subject: `${P}.fragile`,
          timeout: '100ms',
          policies: [{ circuitBreaker: { minExchanges: 2, openFor: '1s' } }],
        },
        { name: 'rate', match: { path: '/rate' }, subject: `${P}.fast`, policies: [{ rateLimit: { rate: '2/h' } }] },
      ],
      tcp: [{ protocol: 'raw', route: 'tcp' }],
    })
  })

  after(async () => {
    await gateway.close()
    await backend.close()
    await nats.close()
  })

  const code = async (response: Response) => ((await response.json()) as { code: string }).code
  const begun = (count: number) => eventually(`${count} wait`, () => waiting.length === count)
  const answerAll = () => {
    for (const message of waiting) message.respond('ok')
    waiting = []
  }
  const closeCode = (socket: WebSocket) => new Promise<number>((resolve) => socket.on('close', resolve))

  test('a place is free again after a response, and after a client has left', async () => {
    const first = fetch(`${gateway.url}/one`)
    await begun(1)
    const refused = await fetch(`${gateway.url}/one`)
    assert.deepEqual([refused.status, refused.headers.get('retry-after'), await code(refused)], [503, '1', 'busy'])
    answerAll()
    assert.equal((await first).status, 200)

    const leaver = await openRaw(gateway.port)
    leaver.write('POST /one HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}')
    await begun(1)
    assert.equal((await fetch(`${gateway.url}/one`)).status, 503)
    leaver.destroy()
    await eventually('the router knows that it left', () => gateway.http.exchanges === 0)
    waiting = []
    const next = fetch(`${gateway.url}/one`)
    await begun(1)
    answerAll()
    assert.equal((await next).status, 200)
    await gateway.assertIdle()
  })

  test('a request that stops within its body holds a place no longer than it lasts', async () => {
    const leaver = await openRaw(gateway.port)
    leaver.write('POST /one HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{')
    await eventually('it has begun', () => gateway.http.exchanges === 1)
    assert.equal((await fetch(`${gateway.url}/one`)).status, 503)
    leaver.destroy()
    await eventually('the router knows that it left', () => gateway.http.exchanges === 0)
    const next = fetch(`${gateway.url}/one`)
    await begun(1)
    answerAll()
    assert.equal((await next).status, 200)
  })

  test('a WebSocket of requests has a place while one is under way', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/rpc`)
    await new Promise((resolve) => socket.on('open', resolve))
    socket.send('one')
    await begun(1)
    const other = new WebSocket(`ws://127.0.0.1:${gateway.port}/rpc`)
    const closed = closeCode(other)
    other.on('open', () => other.send('two'))
    assert.equal(await closed, 4503)
    const reply = new Promise((resolve) => socket.on('message', resolve))
    answerAll()
    await reply
    const next = new Promise((resolve) => socket.on('message', resolve))
    socket.send('three')
    await begun(1)
    answerAll()
    await next
    socket.close()
    await gateway.assertIdle()
  })

  test('an exchange of a multiplexed connection has a place until it ends, or the connection does', async () => {
    const open = async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/_sx`, 'sx.v1.json')
      const frames: { t: string; id?: number; code?: string }[] = []
      socket.on('message', (data) => void frames.push(JSON.parse(String(data))))
      await new Promise((resolve) => socket.on('open', resolve))
      const ask = (id: number) => socket.send(JSON.stringify({ t: 'open', id, method: 'GET', path: '/one' }))
      const about = (id: number) =>
        eventually(`a frame of ${id}`, () => frames.find((frame) => frame.id === id && frame.t !== 'credit'))
      return { socket, ask, about }
    }
    const first = await open()
    first.ask(1)
    await begun(1)
    first.ask(2)
    assert.equal((await first.about(2)).code, 'busy')
    answerAll()
    assert.equal((await first.about(1)).t, 'head')
    first.ask(3)
    await begun(1)
    first.socket.terminate()
    await gateway.assertIdle()
    waiting = []
    const second = await open()
    second.ask(1)
    await begun(1)
    answerAll()
    assert.equal((await second.about(1)).t, 'head')
    second.socket.close()
    await gateway.assertIdle()
  })

  test('a WebSocket has its place until it closes', async () => {
    const open = async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/ws`)
      await new Promise((resolve) => socket.on('open', resolve))
      return socket
    }
    const first = await open()
    await eventually('it has reached the backend', () => backend.open === 1)
    assert.equal(await closeCode(await open()), 4503)
    first.close()
    await gateway.assertIdle()
    const second = await open()
    await eventually('it has reached the backend', () => backend.open === 1)
    second.terminate()
    await gateway.assertIdle()
  })

  test('a TCP connection has its place until both ends have ended', async () => {
    const open = () => connectTcp(gateway.tcp.ports[0]!, '127.0.0.1')
    const first = open()
    await eventually('it has reached the backend', () => backend.open === 1)
    const second = open()
    await new Promise((resolve) => second.on('error', () => {}).on('close', resolve))
    assert.equal(backend.open, 1)
    first.end().resume()
    await gateway.assertIdle()
    const third = open()
    await eventually('it has reached the backend', () => backend.open === 1)
    third.resetAndDestroy()
    await gateway.assertIdle()
  })

  test('a client over its rate is told when to come back, and NATS hears nothing of it', async () => {
    const statuses = [await fetch(`${gateway.url}/rate`), await fetch(`${gateway.url}/rate`)].map((r) => r.status)
    assert.deepEqual(statuses, [200, 200])
    const refused = await fetch(`${gateway.url}/rate`)
    assert.deepEqual([refused.status, await code(refused)], [429, 'rate_limited'])
    const retryAfterS = Number(refused.headers.get('retry-after'))
    assert.ok(retryAfterS > 1700 && retryAfterS <= 1800, String(retryAfterS))
    assert.equal(refused.headers.get('ratelimit-limit'), '2')
    assert.equal(refused.headers.get('ratelimit-remaining'), '0')
    assert.equal(gateway.ended.at(-1)?.code, 'rate_limited')
  })

  test('a backend that does not answer is spared for a while, and served again when it does', async () => {
    let isWell = false
    let heard = 0
    nats.subscribe(`${P}.fragile`, {
      callback(_, message) {
        heard++
        if (isWell) message.respond('ok')
      },
    })
    await nats.flush()
    const get = () => fetch(`${gateway.url}/fragile`)
    assert.deepEqual([(await get()).status, (await get()).status], [504, 504])
    const refused = await get()
    assert.deepEqual([refused.status, refused.headers.get('retry-after'), await code(refused)], [503, '1', 'busy'])
    assert.equal(heard, 2)
    isWell = true
    await eventually('it is served again', async () => (await get()).status === 200)
    assert.equal((await get()).status, 200)
  })
})
