import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { createCertificate, temporaryFiles } from '../support/certificates.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { needs } from '../support/needs.ts'
import { openRaw } from '../support/raw-http.ts'

const noOpenssl = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')

// The timers of uWebSockets are its own: of 10 seconds, looked at every 4, and the clock is the system's.
/** In time, whenever it looks. */
const IN_TIME_MS = 6000
const EARLIEST_MS = 8000
/** A busy machine takes its time. */
const LATEST_MS = 12_000 + 3000

const ASK = 'GET /none HTTP/1.1\r\nHost: x\r\n\r\n'
const ANSWER = /no_route/

/** Every request gets 404 of it. */
async function start(t: TestContext, options: Partial<GatewayOptions> = {}): Promise<Gateway> {
  const gateway = await startGateway({ natsUrl: await natsUrl(), routes: [], ...options })
  t.after(() => gateway.close())
  return gateway
}

/** Resolves when the router has closed it, as late as it may and no sooner. */
async function assertCut(closed: Promise<unknown>, sinceMs: number): Promise<void> {
  await Promise.race([closed, delay(LATEST_MS, undefined, { ref: false })])
  const tookMs = performance.now() - sinceMs
  assert.ok(tookMs > EARLIEST_MS - 100 && tookMs < LATEST_MS, `closed after ${tookMs} ms`)
}

describe('uWebSockets.js waits for 8 to 12 seconds, and no longer,', { concurrency: true }, () => {
  test('for the first request of a connection, which is counted', async (t) => {
    const gateway = await start(t)
    const inTime = await openRaw(gateway.port)
    const silent = await openRaw(gateway.port)
    const sinceMs = performance.now()
    await delay(IN_TIME_MS)
    inTime.write(ASK)
    await inTime.until(ANSWER)
    assert.equal(gateway.limited.count('unfinished_head'), 0)
    await assertCut(silent.closed(), sinceMs)
    assert.equal(silent.text(), '')
    assert.equal(gateway.limited.count('unfinished_head'), 1)
    inTime.destroy()
  })

  test('for the end of a request head, however it drips, which is counted', async (t) => {
    const gateway = await start(t)
    const inTime = await openRaw(gateway.port)
    const dripping = await openRaw(gateway.port)
    const sinceMs = performance.now()
    for (const raw of [inTime, dripping]) raw.write('GET /none HTTP/1.1\r\n')
    const drip = setInterval(() => dripping.write('a: b\r\n'), 500)
    t.after(() => clearInterval(drip))
    await delay(IN_TIME_MS)
    inTime.write('Host: x\r\n\r\n')
    await inTime.until(ANSWER)
    await assertCut(dripping.closed(), sinceMs)
    assert.equal(dripping.text(), '')
    assert.equal(gateway.limited.count('unfinished_head'), 1)
    inTime.destroy()
  })

  test('for another request of a connection or the end of its head, of which it tells nobody', async (t) => {
    const gateway = await start(t)
    const [inTime, idle, begun] = await Promise.all([1, 2, 3].map(() => openRaw(gateway.port)))
    for (const raw of [inTime!, idle!, begun!]) {
      raw.write(ASK)
      await raw.until(ANSWER)
    }
    const sinceMs = performance.now()
    begun!.write('GET /none HTTP/1.1\r\nHost:')
    await delay(IN_TIME_MS)
    inTime!.write(ASK)
    await inTime!.until(/no_route[\s\S]*no_route/)
    await Promise.all([assertCut(idle!.closed(), sinceMs), assertCut(begun!.closed(), sinceMs)])
    for (const raw of [idle!, begun!]) assert.equal(raw.text().match(/HTTP\/1\.1/g)?.length, 1)
    assert.equal(gateway.limited.count('unfinished_head'), 0)
    inTime!.destroy()
  })

  test('for a TLS handshake, which is counted as a request that did not come', { skip: noOpenssl }, async (t) => {
    const certificate = createCertificate(temporaryFiles(t), 'one')
    const gateway = await start(t, { tls: certificate })
    const inTime = connectTcp(gateway.port, '127.0.0.1')
    await once(inTime, 'connect')
    const silent = await openRaw(gateway.port)
    const sinceMs = performance.now()
    await delay(IN_TIME_MS)
    const secure = connectTls({ socket: inTime, rejectUnauthorized: false })
    t.after(() => void secure.destroy())
    await once(secure, 'secureConnect')
    secure.write(ASK)
    const [answer] = await once(secure, 'data')
    assert.match(String(answer), /^HTTP\/1\.1 404/)
    await assertCut(silent.closed(), sinceMs)
    assert.equal(gateway.limited.count('unfinished_head'), 1)
  })
})
