import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { numbers } from '../conformance/numbers.ts'
import { eventually } from '../support/eventually.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { startNats } from '../support/nats.ts'
import { openDuplex } from './duplex-request.ts'
import { AT_ONCE_MS, type Stage, startStage } from './stage.ts'

/** Its length is what is tested: it ends no stream. */
const OUTAGE_MS = 5000
const FULL_RATE_WITHIN_MS = 2000
const DOWNLOAD_BYTES = 64 * 1024 ** 2

function answerPlain({ client }: Stage): Promise<void> {
  client.subscribe('plain', { callback: (_error, message) => void message.respond('here') })
  return client.flush()
}

test('an outage of NATS of 5 s: 503 at once, live, not ready; streams go on; full rate within 2 s', async (t) => {
  const stage = await startStage(t)
  const { router } = stage
  await answerPlain(stage)
  await stage.startBackend(t)
  const open = await openDuplex(t, `${router.url}/sx/echo`, 'before ')
  const rateOf = async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => stage.ask('/plain')))
    return answers.filter(({ status }) => status === 200).length
  }
  assert.equal(await rateOf(), 200)

  await stage.nats.kill()
  const outage = delay(OUTAGE_MS)
  await eventually('not ready', async () => (await router.readiness()).status === 503, { timeoutMs: AT_ONCE_MS })
  assert.equal((await fetch(`${router.adminUrl}/healthz`)).status, 200)
  for (let i = 0; i < 200; i++) {
    const { status, code, tookMs } = await stage.ask('/plain')
    assert.equal(`${status} ${code}`, '503 nats_unavailable')
    assert.ok(tookMs < AT_ONCE_MS, `it took ${tookMs} ms`)
  }
  await outage
  assert.equal(open.text(), 'before ')

  const back = await startNats({ port: stage.nats.port })
  t.after(() => back.stop())
  const backAtMs = performance.now()
  await eventually('full rate', async () => (await rateOf()) === 200)
  const tookMs = performance.now() - backAtMs
  assert.ok(tookMs < FULL_RATE_WITHIN_MS, `full rate was back after ${tookMs} ms`)
  await open.echo('after')
  open.request.end()
  assert.equal(await open.over, 'whole')
  assert.equal(open.text(), 'before after')

  assert.ok((await stage.counted('plain', 'nats_unavailable')) >= 200)
  const refused = router.log().filter(({ code }) => code === 'nats_unavailable')
  assert.ok(refused.length > 0, 'the log says nothing of it')
  assert.ok(refused.length < 100, `the log has ${refused.length} lines of it`)
  await stage.assertCalm()
})

test('a stream that is busy when NATS goes is whole or cut, and never short; plain many replies are cut', async (t) => {
  const stage = await startStage(t)
  await stage.startBackend(t)
  stage.client.subscribe('many', { callback: (_error, message) => void message.respond(numbers(0, 4)) })
  await stage.client.flush()
  const urls = ['/many', ...Array.from({ length: 4 }, () => `/sx/download?bytes=${DOWNLOAD_BYTES}`)]
  const responses = await Promise.all(urls.map((url) => fetch(`${stage.router.url}${url}`)))
  const ends = Promise.all(responses.map(readNumbers))
  await stage.nats.kill()
  await eventually('not ready', async () => (await stage.router.readiness()).status === 503)
  const back = await startNats({ port: stage.nats.port })
  t.after(() => back.stop())
  const [many, ...downloads] = await ends
  assert.deepEqual(many, { bytes: 4, isRight: true, isWhole: false })
  for (const { bytes, isRight, isWhole } of downloads) {
    assert.ok(isRight, 'not the beginning of what was sent')
    assert.equal(isWhole, bytes === DOWNLOAD_BYTES, `${bytes} bytes`)
  }
  await stage.assertCalm()
})

test('nats-server frozen for half a second: requests wait, and none fails', async (t) => {
  const stage = await startStage(t)
  await answerPlain(stage)
  await stage.startBackend(t)
  const open = await openDuplex(t, `${stage.router.url}/sx/echo`, 'before ')
  stage.nats.pause()
  const waiting = stage.ask('/plain')
  // Its length is what is tested: less than the timeout of the route.
  await delay(500)
  stage.nats.resume()
  assert.equal((await waiting).text, 'here')
  await open.echo('after')
  open.request.end()
  assert.equal(await open.over, 'whole')
  assert.equal((await stage.router.readiness()).status, 200)
  await stage.assertCalm()
})

test('nats-server frozen for longer than a timeout: 504, and all is well after it', async (t) => {
  const stage = await startStage(t)
  await answerPlain(stage)
  stage.nats.pause()
  const { status, code } = await stage.ask('/plain')
  assert.equal(`${status} ${code}`, '504 timeout')
  stage.nats.resume()
  assert.equal((await stage.ask('/plain')).text, 'here')
  assert.equal(await stage.counted('plain', 'timeout'), 1)
  await stage.assertCalm()
})

test('lame duck of nats-server: said in the log; 503 while nobody takes over, and never a hang', async (t) => {
  const stage = await startStage(t)
  await answerPlain(stage)
  process.kill(stage.nats.pid, 'SIGUSR2')
  await eventually('the log says so', () => stage.router.logged('warn').some((line) => line.includes('shut down')))
  const { status, code } = await stage.ask('/plain')
  assert.ok(status === 200 || code === 'nats_unavailable', `${status} ${code}`)
  await stage.nats.kill()
  await eventually('it is gone', async () => (await stage.ask('/plain')).code === 'nats_unavailable')
  const back = await startNats({ port: stage.nats.port })
  t.after(() => back.stop())
  await eventually('it is back', async () => (await stage.ask('/plain')).text === 'here')
  await stage.assertCalm()
})

test('a network to NATS that is slow, drips, and is cut again and again: no wrong answer, and no leak', async (t) => {
  let proxy: FaultProxy | undefined
  const stage = await startStage(t, {
    async natsUrlFor({ port }) {
      proxy = await startFaultProxy(t, port)
      return `nats://127.0.0.1:${proxy.port}`
    },
  })
  const network = proxy!
  await answerPlain(stage)
  network.setLatency(100)
  const slow = await stage.ask('/plain')
  assert.equal(slow.text, 'here')
  assert.ok(slow.tookMs >= 180, `there and back took ${slow.tookMs} ms`)

  network.drip(1)
  const dripped = await stage.ask('/plain')
  assert.ok(dripped.text === 'here' || dripped.code === 'timeout', dripped.text)
  network.heal()

  for (let i = 0; i < 5; i++) {
    await eventually('it answers', async () => (await stage.ask('/plain')).text === 'here')
    const under = Array.from({ length: 50 }, () => stage.ask('/plain'))
    network.cut()
    for (const { text, code } of await Promise.all(under)) {
      assert.ok(text === 'here' || code === 'nats_unavailable', text)
    }
    network.mend()
  }
  await eventually('it answers', async () => (await stage.ask('/plain')).text === 'here')
  assert.ok((await stage.metric('engine_router_nats_reconnects_total')) >= 5)
  await stage.assertCalm()
})

/** How much of the numbers has come, and whether the client can tell that it is not all. */
async function readNumbers(response: Response): Promise<{ bytes: number; isRight: boolean; isWhole: boolean }> {
  let bytes = 0
  let isRight = true
  let rest = Buffer.alloc(0)
  try {
    for await (const chunk of response.body!) {
      rest = Buffer.concat([rest, chunk])
      const whole = rest.subarray(0, rest.length - (rest.length % 4))
      isRight &&= whole.equals(numbers(bytes, bytes + whole.length))
      bytes += whole.length
      rest = rest.subarray(whole.length)
    }
  } catch {
    return { bytes, isRight, isWhole: false }
  }
  return { bytes, isRight, isWhole: true }
}
