import assert from 'node:assert/strict'
import { after, afterEach, before, describe, type TestContext, test } from 'node:test'
import { connect, type Msg, type NatsConnection } from 'nats'
import { query } from '../store/migrated-database.ts'
import { connectError } from '../support/connect-error.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { openRaw } from '../support/raw-http.ts'
import { startLargeNats } from './large-nats.ts'
import { type RouterSettings, startRouter } from './router-process.ts'

const P = `t${process.pid}stop`

describe('SIGTERM', () => {
  let database: TestDatabase
  let nats: NatsConnection
  /** What a test answers by hand, by the last token of its subject. */
  const requests = new Map<string, Msg>()

  before(async () => {
    database = await createTestDatabase({ migrated: true })
    nats = await connect({ servers: await natsUrl() })
    nats.subscribe(`${P}.*`, {
      callback: (_error, message) => void requests.set(message.subject.slice(P.length + 1), message),
    })
    await nats.flush()
    await query(
      database.url,
      `insert into routes (name, path, subject, reply) values
        ('slow', '/slow', '${P}.slow', 'single'), ('events', '/events', '${P}.events', 'many'),
        ('large', '/large', '${P}.large', 'single')`,
    )
  })
  afterEach(() => requests.clear())
  after(async () => {
    await nats.close()
    await database.drop()
  })

  async function start(t: TestContext, more: Partial<RouterSettings> = {}) {
    const router = await startRouter(t, { natsUrl: await natsUrl(), databaseUrl: database.url, ...more })
    await router.ready()
    const open = async (path: string, accept = '*/*') => {
      const raw = await openRaw(router.port)
      raw.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAccept: ${accept}\r\n\r\n`)
      return { raw, request: await eventually(`the request for ${path}`, () => requests.get(path.slice(1))) }
    }
    const openEvents = async () => {
      const events = await open('/events', 'text/event-stream')
      events.request.respond('first')
      await events.raw.until(/data: first\n\n/)
      return events
    }
    const draining = () =>
      eventually('not ready', async () => (await router.readiness()).reasons.includes('draining'), { timeoutMs: 1000 })
    return { router, open, openEvents, draining }
  }

  test('fails ready at once, refuses connections, finishes what is under way, and ends with code 0', async (t) => {
    const { router, open, openEvents, draining } = await start(t)
    const idle = await openRaw(router.port)
    const events = await openEvents()
    const slow = await open('/slow')

    router.signal('SIGTERM')
    await draining()
    assert.deepEqual(await router.readiness(), { status: 503, reasons: ['draining'] })
    assert.equal((await fetch(`${router.adminUrl}/healthz`)).status, 200)
    assert.equal(await connectError(router.port), 'ECONNREFUSED')
    await events.raw.until(/retry: \d+\n\n/)

    slow.request.respond('at last')
    const response = await slow.raw.closed()
    assert.match(response, /^HTTP\/1\.1 200 OK\r\n/)
    assert.match(response, /\r\nconnection: close\r\n/i)
    assert.match(response, /at last$/)

    requests.delete('slow')
    idle.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
    const late = await eventually('the request on a connection that was open', () => requests.get('slow'))
    late.respond('late')
    assert.match(await idle.closed(), /\r\nconnection: close\r\n[\s\S]*late$/i)

    events.request.respond('last')
    events.request.respond()
    assert.match(await events.raw.closed(), /data: last\n\n\r\n0\r\n\r\n$/)
    assert.equal(await router.exitCode, 0)
    assert.equal(router.logged('info').at(-1), 'stopped')
  })

  test('takes connections and keeps them alive until drain.delay is over, though not ready', async (t) => {
    const { router, open, draining } = await start(t, { drainDelay: '2s' })
    const kept = await open('/slow')
    router.signal('SIGTERM')
    await draining()
    kept.request.respond('early')
    assert.doesNotMatch(await kept.raw.until(/early$/), /connection: close/i)
    requests.clear()
    const fresh = await open('/slow')
    await eventually('refused', async () => (await connectError(router.port)) === 'ECONNREFUSED')
    fresh.request.respond('late')
    assert.match(await fresh.raw.closed(), /\r\nconnection: close\r\n[\s\S]*late$/i)
    await kept.raw.closed()
    assert.equal(await router.exitCode, 0)
  })

  test('waits a moment for the next request of a client that is between two', async (t) => {
    const { router, open } = await start(t)
    const { raw, request } = await open('/slow')
    request.respond('first')
    await raw.until(/first$/)
    requests.clear()
    router.signal('SIGTERM')
    await eventually('it drains', () => router.logged('info').includes('draining'))
    raw.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
    const second = await eventually('the second request', () => requests.get('slow'))
    second.respond('second')
    assert.match(await raw.closed(), /\r\nconnection: close\r\n[\s\S]*second$/i)
    assert.equal(await router.exitCode, 0)
  })

  test('cuts what is left when drain.timeout is over, so that it never looks whole, and ends with code 0', async (t) => {
    const { router, open, openEvents } = await start(t, { drainTimeout: '200ms' })
    const events = await openEvents()
    const slow = await open('/slow')
    router.signal('SIGTERM')
    assert.equal(await router.exitCode, 0)
    const text = await events.raw.closed()
    assert.match(text, /data: first\n\n/)
    assert.doesNotMatch(text, /\r\n0\r\n/)
    assert.match(await slow.raw.closed(), /^HTTP\/1\.1 503 [\s\S]*"code":"draining"/)
  })

  test('lets a client that reads slowly have the whole of its last response', async (t) => {
    // More than the system's buffers take from us.
    const largeBytes = 24 * 1024 * 1024
    const large = await startLargeNats(t, largeBytes)
    const responder = await connect({ servers: large.url, reconnect: false })
    responder.subscribe(`${P}.large`, {
      callback: (_error, message) => void message.respond(new Uint8Array(largeBytes).fill(120)),
    })
    await responder.flush()
    const { router } = await start(t, { natsUrl: large.url })
    const raw = await openRaw(router.port)
    raw.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n')
    await raw.until(/^HTTP/)
    raw.socket.pause()
    router.signal('SIGTERM')
    await eventually('draining', () => router.logged('info').includes('draining'))
    raw.socket.resume()
    const text = await raw.closed()
    assert.equal(text.length - text.indexOf('\r\n\r\n') - 4, largeBytes)
    assert.equal(await router.exitCode, 0)
  })

  test('a second time ends it at once with code 130', async (t) => {
    const { router, openEvents, draining } = await start(t)
    const events = await openEvents()
    router.signal('SIGTERM')
    await draining()
    let code: number | null | undefined
    void router.exitCode.then((ended) => {
      code = ended
    })
    // One just after the first counts as the same; the stream alone would keep it for half a minute.
    await eventually('its end', () => {
      router.signal('SIGTERM')
      return code !== undefined
    })
    assert.equal(code, 130)
    assert.doesNotMatch(await events.raw.closed(), /\r\n0\r\n/)
  })
})
