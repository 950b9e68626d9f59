import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { connect, type Msg } from 'nats'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { openSocket, refusedSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw, type RawConnection } from '../support/raw-http.ts'
import { sendBytes } from '../support/send-bytes.ts'
import { startStreamBackend } from '../support/stream-backend.ts'
import { type RouterWithRoutes, startRouterWithRoutes } from './router-with-routes.ts'

/**
 * No two are alike, so that one in the place of another shows. Sizes and rates of requests are small, so that none of them
 * would do as `stallTimeout` in milliseconds: they would be over sooner.
 */
const LIMITS = {
  connections: 12,
  connectionsPerIp: 7,
  exchanges: 5,
  streams: 3,
  messagesPerSecond: 20,
  bodyBytesPerSecond: 50,
  uriBytes: 300,
  bodyBytes: 390,
  headerBytes: 1040,
  messageBytes: 1060,
  bytesPerSecond: 1100,
  bufferedBytesPerConnection: 70_000,
  bufferedBytesPerIp: 1_500_000,
  bufferedBytes: 2_500_000,
}
const STALL_MS = 3000
const ORIGIN = 'https://app.example.com'
/** More than the buffers of two sockets take. */
const ENDLESS_BYTES = 64 * 1024 * 1024

const P = `t${process.pid}limits`

/** Those of one route go before the router's. */
const limits = { bodyBytes: '2MiB' }
const ROUTES: readonly RouteDocument[] = [
  { name: 'echo', match: { path: '/echo' }, subject: `${P}.echo` },
  { name: 'large', match: { path: '/large' }, subject: `${P}.echo`, limits },
  { name: 'silent', match: { path: '/silent' }, subject: `${P}.silent` },
  { name: 'many', match: { path: '/many' }, subject: `${P}.many`, reply: 'many' },
  { name: 'rpc', match: { kind: 'ws', path: '/rpc' }, subject: `${P}.echo`, websocket: 'rpc', limits },
  { name: 'endless', match: { kind: 'tcp' }, subject: `${P}.endless` },
]

interface Stage {
  readonly router: RouterWithRoutes
  readonly muxPort: number
  readonly rawPort: number
  /** The last request to /many, which waits for replies. */
  toMany(): Promise<Msg>
  /** Runs `work`, in which clients go over this limit so many times. */
  assertLimited(limit: string, times: number, work: () => Promise<void>): Promise<void>
}

async function start(t: TestContext): Promise<Stage> {
  const url = await natsUrl()
  const nats = await connect({ servers: url })
  t.after(() => nats.close())
  nats.subscribe(`${P}.echo`, { callback: (_error, message) => void message.respond(message.data) })
  nats.subscribe(`${P}.silent`, { callback: () => {} })
  let toMany: Msg | undefined
  nats.subscribe(`${P}.many`, {
    callback: (_error, message) => {
      toMany = message
    },
  })
  await nats.flush()
  const backend = await startStreamBackend(url)
  t.after(() => backend.close())
  await backend.handle(`${P}.endless`, (stream) => {
    stream.head({ status: 200, headers: [] })
    return sendBytes(stream, ENDLESS_BYTES)
  })
  const router = await startRouterWithRoutes(t, ROUTES, {
    limits: { ...LIMITS, stallTimeout: `${STALL_MS}ms` },
    origins: [ORIGIN],
    tcp: [
      { host: '127.0.0.1', port: 0, protocol: 'mux' },
      { host: '127.0.0.1', port: 0, protocol: 'raw', route: 'endless' },
    ],
  })
  return {
    router,
    muxPort: router.tcpPorts[0]!,
    rawPort: router.tcpPorts[1]!,
    toMany: () => eventually('the request', () => toMany),
    async assertLimited(limit, times, work) {
      const limited = () => router.metric(`engine_router_limited_total{limit="${limit}"}`)
      const before = await limited()
      await work()
      await eventually(`${limit} is counted`, async () => (await limited()) - before === times)
    },
  }
}

test('each limit of the settings file holds, at its own value', async (t) => {
  const stage = await start(t)
  const { router, muxPort, rawPort, assertLimited } = stage

  /** The first response to a request. */
  const ask = async (head: string, body = '') => {
    const raw = await openRaw(router.port)
    raw.write(`${head}\r\n\r\n${body}`)
    const answer = await raw.until(/^HTTP\/1\.1 \d{3}[\s\S]*\r\n\r\n/)
    raw.destroy()
    return answer
  }
  /** @param answer 431 and `headers_too_large`, say @param one past the limit */
  const assertRefused = async (status: number, code: string, one: Promise<string>) => {
    const before = await router.counted(code)
    assert.match(await one, new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*"code":"${code}"`))
    await eventually(`${code} is counted`, async () => (await router.counted(code)) === before + 1)
  }
  const connectionsAre = (count: number) =>
    eventually(`${count} connections`, async () => {
      const kinds = ['http', 'ws', 'tcp'].map((kind) => router.metric(`engine_router_connections{kind="${kind}"}`))
      return (await Promise.all(kinds)).reduce((sum, value) => sum + value) === count
    })
  const openMux = async (address?: string) => {
    const raw = await openRaw(muxPort, address)
    raw.write('{"t":"ping"}\n')
    await raw.until(/pong/)
    return raw
  }
  /** Connections of HTTP that are closed unread. */
  const assertClosed = async (address: string) => {
    const raw = await openRaw(router.port, address)
    raw.write('GET /echo HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.equal(await raw.closed(), '')
  }
  const close = async (raws: readonly RawConnection[]) => {
    for (const raw of raws) raw.socket.resetAndDestroy()
    await connectionsAre(0)
  }

  await t.test('connections, connectionsPerIp', async () => {
    const opened: RawConnection[] = []
    const { connections, connectionsPerIp } = LIMITS
    while (opened.length < connectionsPerIp) opened.push(await openMux('127.0.0.1'))
    await assertLimited('connections_per_ip', 1, () => assertClosed('127.0.0.1'))
    while (opened.length < connections) opened.push(await openMux('127.0.0.2'))
    await assertLimited('connections', 1, () => assertClosed('127.0.0.3'))
    await close(opened)
  })

  await t.test('exchanges', async () => {
    const opened: RawConnection[] = []
    for (let i = 0; i < LIMITS.exchanges; i++) {
      const raw = await openRaw(router.port)
      raw.write('GET /silent HTTP/1.1\r\nHost: x\r\n\r\n')
      opened.push(raw)
    }
    const waiting = () => router.metric('engine_router_inbox_tokens')
    await eventually('all are under way', async () => (await waiting()) === LIMITS.exchanges)
    await assertRefused(503, 'busy', ask('GET /silent HTTP/1.1\r\nHost: x'))
    await close(opened)
  })

  await t.test('streams', async () => {
    const mux = await openMux()
    for (let id = 1; id <= LIMITS.streams; id++) mux.write(`{"t":"open","id":${id},"path":"/silent"}\n`)
    const waiting = () => router.metric('engine_router_inbox_tokens')
    await eventually('all are under way', async () => (await waiting()) === LIMITS.streams)
    await assertLimited('streams', 1, async () => {
      mux.write(`{"t":"open","id":${LIMITS.streams + 1},"path":"/silent"}\n`)
      await mux.until(new RegExp(`"t":"reset","id":${LIMITS.streams + 1},"code":"busy"`))
    })
    assert.equal(await waiting(), LIMITS.streams)
    await close([mux])
  })

  await t.test('headerBytes', async () => {
    const rest = 'host'.length + 'x'.length + 'a'.length
    const head = (bytes: number) => `GET /echo HTTP/1.1\r\nHost: x\r\nA: ${'v'.repeat(bytes - rest)}`
    assert.match(await ask(head(LIMITS.headerBytes)), /^HTTP\/1\.1 204/)
    await assertRefused(431, 'headers_too_large', ask(head(LIMITS.headerBytes + 1)))
  })

  await t.test('uriBytes', async () => {
    const head = (bytes: number) => `GET /echo?${'q'.repeat(bytes - '/echo'.length)} HTTP/1.1\r\nHost: x`
    assert.match(await ask(head(LIMITS.uriBytes)), /^HTTP\/1\.1 204/)
    await assertRefused(414, 'uri_too_long', ask(head(LIMITS.uriBytes + 1)))
  })

  await t.test('bodyBytes', async () => {
    const post = (bytes: number) => ask(`POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}`, 'x'.repeat(bytes))
    assert.match(await post(LIMITS.bodyBytes), /^HTTP\/1\.1 200/)
    await assertRefused(413, 'too_large', post(LIMITS.bodyBytes + 1))
  })

  await t.test('messageBytes', async () => {
    const atIt = await openSocket(`${router.url}/rpc`)
    atIt.ws.send('x'.repeat(LIMITS.messageBytes))
    assert.equal((await atIt.messages(1))[0]?.length, LIMITS.messageBytes)
    atIt.ws.close()
    const pastIt = await openSocket(`${router.url}/rpc`)
    await assertLimited('message_bytes', 1, async () => {
      pastIt.ws.send('x'.repeat(LIMITS.messageBytes + 1))
      assert.equal((await pastIt.closed()).code, 1009)
    })
  })

  // What is too much in a second is three times that at once, as a second may end anywhere in between: which number has
  // been passed is what the client is told.
  await t.test('messagesPerSecond', async () => {
    const most = LIMITS.messagesPerSecond
    const atIt = await openMux()
    atIt.write('{"t":"ping"}\n'.repeat(most - 1))
    await atIt.until(new RegExp(`(?:{"t":"pong"}\\s*){${most}}`))
    atIt.destroy()
    const socket = await openSocket(`${router.url}/rpc`)
    const mux = await openRaw(muxPort)
    await assertLimited('messages_per_second', 2, async () => {
      for (let i = 0; i < 3 * most; i++) socket.ws.ping()
      assert.equal((await socket.closed()).code, 4429)
      mux.write('{"t":"ping"}\n'.repeat(3 * most))
      await mux.until(new RegExp(`"code":"rate_limited".*more than ${most} frames in a second`))
    })
  })

  await t.test('bytesPerSecond', async () => {
    const most = LIMITS.bytesPerSecond
    const atIt = await openSocket(`${router.url}/rpc`)
    atIt.ws.send('x'.repeat(most / 2))
    atIt.ws.send('x'.repeat(most / 2))
    await atIt.messages(2)
    atIt.ws.close()
    const socket = await openSocket(`${router.url}/rpc`)
    const mux = await openRaw(muxPort)
    await assertLimited('bytes_per_second', 2, async () => {
      for (let i = 0; i < 6; i++) socket.ws.send('x'.repeat(most / 2))
      assert.equal((await socket.closed()).code, 4429)
      mux.write(`{"t":"ping"}${' '.repeat(most / 2)}\n`.repeat(6))
      await mux.until(new RegExp(`"code":"rate_limited".*more than ${most} bytes in a second`))
    })
  })

  await t.test('bufferedBytes, bufferedBytesPerIp', async () => {
    await connectionsAre(0)
    const upload = async (address: string, bytes: number) => {
      const raw = await openRaw(router.port, address)
      raw.write('POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 1000002\r\n\r\n')
      raw.write(Buffer.alloc(bytes))
      return raw
    }
    const waiting = (bytes: number) =>
      eventually(`${bytes} wait`, async () => (await router.metric('engine_router_buffered_bytes')) === bytes)
    const ofOne = [
      await upload('127.0.0.1', 1_000_000),
      await upload('127.0.0.1', LIMITS.bufferedBytesPerIp - 1_000_000),
    ]
    await waiting(LIMITS.bufferedBytesPerIp)
    const ofOther = await upload('127.0.0.2', LIMITS.bufferedBytes - LIMITS.bufferedBytesPerIp)
    await waiting(LIMITS.bufferedBytes)
    await assertLimited('buffered_bytes', 1, async () => {
      ofOther.write('x')
      await ofOther.until(/^HTTP\/1\.1 503 [\s\S]*"code":"busy"/)
    })
    await waiting(LIMITS.bufferedBytesPerIp)
    await assertLimited('buffered_bytes_per_ip', 1, async () => {
      ofOne[1]!.write('x')
      await ofOne[1]!.until(/^HTTP\/1\.1 503 [\s\S]*"code":"busy"/)
    })
    await close([...ofOne, ofOther])
    await waiting(0)
  })

  await t.test('bufferedBytesPerConnection', async () => {
    const mux = await openMux()
    // Without credit the response waits.
    mux.write('{"t":"open","id":1,"path":"/many","credit":0}\n')
    const request = await stage.toMany()
    request.respond('x'.repeat(LIMITS.bufferedBytesPerConnection))
    const waiting = () => router.metric('engine_router_buffered_bytes')
    await eventually('all that may', async () => (await waiting()) === LIMITS.bufferedBytesPerConnection)
    await assertLimited('buffered_bytes_per_connection', 1, async () => {
      request.respond('x')
      await mux.until(/"t":"reset","id":1,"code":"rate_limited"/)
    })
    await close([mux])
  })

  await t.test('stallTimeout, bodyBytesPerSecond', { concurrency: true }, async (slow) => {
    const leastBytes = (LIMITS.bodyBytesPerSecond * STALL_MS) / 1000
    const ofBody = slow.test('of a body', async () => {
      const beganMs = performance.now()
      // What comes with the head is not measured. The first is also asked first.
      const [enough, tooLittle] = [await openRaw(router.port), await openRaw(router.port)]
      for (const [begun, raw] of [enough, tooLittle].entries()) {
        raw.write('POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\nx')
        const underWay = () => router.metric('engine_router_buffered_bytes')
        await eventually('it has begun', async () => (await underWay()) === begun + 1)
      }
      await assertLimited('slow_body', 1, async () => {
        // Enough for four times the time, as a busy machine may ask late.
        enough.write('x'.repeat(4 * leastBytes))
        tooLittle.write('x'.repeat(leastBytes - 10))
        await tooLittle.until(/^HTTP\/1\.1 408 [\s\S]*"code":"timeout"/, 10_000)
        assert.ok(performance.now() - beganMs >= STALL_MS)
      })
      enough.write('x'.repeat(10_000 - 1 - 4 * leastBytes))
      await enough.until(/^HTTP\/1\.1 200/)
      for (const raw of [enough, tooLittle]) raw.destroy()
    })

    const ofReader = slow.test('of a client that takes nothing', async () => {
      const beganMs = performance.now()
      const raw = await openRaw(rawPort)
      raw.socket.pause()
      const cut = () => router.metric('engine_router_limited_total{limit="slow_reader"}')
      const before = (await cut()) ?? 0
      await eventually('it is cut', async () => (await cut()) === before + 1, { timeoutMs: 10_000 })
      assert.ok(performance.now() - beganMs >= STALL_MS)
      raw.destroy()
    })
    await Promise.all([ofBody, ofReader])
  })

  await t.test('origins', async () => {
    const allowed = await openSocket(`${router.url}/rpc`, { origin: ORIGIN })
    allowed.ws.close()
    const before = await router.counted('forbidden')
    const { status, problem } = await refusedSocket(`${router.url}/rpc`, { origin: router.url })
    assert.deepEqual([status, problem.code], [403, 'forbidden'])
    await eventually('it is counted', async () => (await router.counted('forbidden')) === before + 1)
  })
})
