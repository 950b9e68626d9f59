import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { connect } from 'nats'
import type { ExchangeError } from '../../src/exchange/errors.ts'
import type { RouteService } from '../../src/exchange/route.ts'
import { createSocket, refusedSocket } from '../adapters/websocket/start-client.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { openRaw, type RawConnection } from '../support/raw-http.ts'
import { createTestClock, TICKS_MS } from './test-clock.ts'

/** Of a route, by default. */
const TIMEOUT_MS = 10_000
const VERDICT_MS = 10_000
const STALL_MS = 1000
const MIN_BYTES_PER_SECOND = 1000

let next = 0

/** Echoes over HTTP and WebSocket, on a clock of the test's. */
async function start(t: TestContext, options: Partial<GatewayOptions> = {}) {
  const url = await natsUrl()
  const subject = `limits.deadlines.${process.pid}.${next++}`
  const nats = await connect({ servers: url })
  nats.subscribe(subject, { callback: (_error, message) => void message.respond(message.data) })
  await nats.flush()
  const clock = createTestClock()
  const gateway = await startGateway({
    natsUrl: url,
    routes: [
      { name: 'echo', match: { path: '/echo' }, subject, timeout: '1h' },
      { name: 'default', match: { path: '/default' }, subject },
      { name: 'ws', match: { kind: 'ws', path: '/ws' }, subject, websocket: 'rpc' },
    ],
    now: clock.now,
    ...options,
  })
  t.after(async () => {
    await gateway.close()
    await nats.close()
  })
  return { gateway, pass: (ms: number) => clock.pass(gateway.wheel, ms) }
}

/** Sends the beginning of a body, and waits until the router has it. */
async function begin(gateway: Gateway, path: string, length: number, body: string): Promise<RawConnection> {
  const raw = await openRaw(gateway.port)
  raw.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${body}`)
  await eventually('it waits', () => gateway.http.exchanges === 1 && gateway.buffers.heldBytes === body.length)
  return raw
}

describe('a body of a route with body: whole', () => {
  test('may take as long as the timeout of the route, and gets 504 when it takes longer', async (t) => {
    const { gateway, pass } = await start(t)
    const inTime = await begin(gateway, '/default', 10, 'begun')
    pass(TIMEOUT_MS)
    inTime.write(', end')
    await inTime.until(/^HTTP\/1\.1 200 [\s\S]*begun, end$/)

    const late = await begin(gateway, '/default', 10, 'begun')
    pass(TIMEOUT_MS)
    assert.equal(gateway.http.exchanges, 1)
    pass(TICKS_MS)
    await late.until(/^HTTP\/1\.1 504 [\s\S]*"code":"timeout"/)
    assert.equal(gateway.ended.at(-1)?.code, 'timeout')
    for (const raw of [inTime, late]) raw.destroy()
    await gateway.assertIdle()
  })

  test('may come as slowly as bodyBytesPerSecond, and with a byte less gets 408', async (t) => {
    const { gateway, pass } = await start(t, {
      transferLimits: { stallTimeoutMs: STALL_MS, minBodyBytesPerSecond: MIN_BYTES_PER_SECOND },
    })
    // It is looked at a tick after the time, for which there has to be as much more.
    const lookMs = STALL_MS + TICKS_MS / 2
    const bytes = (MIN_BYTES_PER_SECOND * lookMs) / 1000
    // The time begins with the first of it.
    const raw = await begin(gateway, '/echo', 1_000_000, 'x')
    raw.write('x'.repeat(bytes))
    await eventually('enough', () => gateway.buffers.heldBytes === 1 + bytes)
    pass(lookMs)
    assert.equal(gateway.http.exchanges, 1)
    raw.write('x'.repeat(bytes - 1))
    await eventually('a byte too few', () => gateway.buffers.heldBytes === 2 * bytes)
    pass(lookMs - 1)
    assert.equal(gateway.http.exchanges, 1)
    assert.equal(gateway.limited.count('slow_body'), 0)
    pass(1)
    await raw.until(/^HTTP\/1\.1 408 [\s\S]*"code":"timeout"/)
    assert.equal(gateway.limited.count('slow_body'), 1)
    raw.destroy()
    await gateway.assertIdle()
  })
})

describe('a verdict that is long in coming', () => {
  async function startWaiting(t: TestContext) {
    const { promise: verdict, resolve: letIn } = Promise.withResolvers<ExchangeError | undefined>()
    let asked = 0
    const stage = await start(t, {
      admit: (service): RouteService => ({
        ...service,
        authenticate() {
          asked++
          return verdict
        },
      }),
    })
    const waiting = () => eventually('the question', () => asked === 1)
    return { ...stage, waiting, letIn: () => letIn(undefined) }
  }

  test('lets a WebSocket in after ten seconds', async (t) => {
    const { gateway, pass, waiting, letIn } = await startWaiting(t)
    const socket = createSocket(`${gateway.url}/ws`)
    const opened = new Promise((resolve) => socket.ws.once('open', resolve))
    await waiting()
    pass(VERDICT_MS)
    letIn()
    await opened
    socket.ws.send('hello')
    assert.deepEqual(await socket.messages(1), ['hello'])
    socket.ws.close()
    await socket.closed()
    await gateway.assertIdle()
  })

  test('and later than that refuses it with 503', async (t) => {
    const { gateway, pass, waiting, letIn } = await startWaiting(t)
    const refused = refusedSocket(`${gateway.url}/ws`)
    await waiting()
    pass(VERDICT_MS + TICKS_MS)
    const { status, problem } = await refused
    assert.deepEqual([status, problem.code], [503, 'busy'])
    assert.equal(gateway.ended.at(-1)?.code, 'busy')
    letIn()
    await gateway.assertIdle()
    assert.equal(gateway.ended.length, 1)
  })
})
