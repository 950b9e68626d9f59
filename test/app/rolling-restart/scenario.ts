import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { followEvents } from './event-streams.ts'
import { createMuxSender, startHerd } from './mux-clients.ts'
import { createSender, type Outcome, requestAgainAndAgain, uploadAgainAndAgain } from './requests.ts'
import { startStage } from './stage.ts'

/** Apart, so that no two clients POST the same number. */
const MUX_POSTS_FROM = 1_000_000
const EVENT_CLIENTS = 12
/** Told to go at once, at most, however many there are. */
const AT_ONCE = 120
const SHARE_AT_ONCE = 0.4

export interface ScenarioOptions {
  /** Which of the two routers, one after the other. */
  readonly restarts: readonly number[]
  readonly drainDelayMs: number
  readonly drainTimeoutMs: number
  /** WebSockets that are only there. */
  readonly herd: number
}

/** Mixed load on two routers behind HAProxy while one after the other is restarted: nothing that must not fails. */
export async function restartUnderLoad(t: TestContext, options: ScenarioOptions): Promise<void> {
  const stage = await startStage(t, options)
  const { url, backend } = stage
  const over = new AbortController()
  const { signal } = over
  const gets = createSender(url, 'GET', '/get')
  const posts = createSender(url, 'POST', '/post')
  const mux = createMuxSender(url)
  const herd = startHerd(url, options.herd)
  t.after(() => {
    over.abort()
    gets.close()
    posts.close()
    mux.client.close()
    herd.close()
  })
  await eventually('all WebSockets are open', () => herd.open === options.herd)
  const running = {
    get: requestAgainAndAgain(6, 10, signal, gets.send),
    post: requestAgainAndAgain(3, 10, signal, posts.send),
    'mux get': requestAgainAndAgain(3, 10, signal, mux.get),
    'mux post': requestAgainAndAgain(3, 10, signal, (number) =>
      mux.post(MUX_POSTS_FROM + number).then((answer) => String(Number(answer) - MUX_POSTS_FROM)),
    ),
    upload: uploadAgainAndAgain(url, 3, signal),
  }
  const eventClients = Promise.all(Array.from({ length: EVENT_CLIENTS }, () => followEvents(`${url}/events`, signal)))

  for (const index of options.restarts) {
    const returnedBefore = herd.returnedAtMs.length
    const { drainedFromMs, exitCode } = await stage.restart(index)
    assert.equal(exitCode, 0)
    await eventually('all WebSockets are back', () => herd.open === options.herd)
    assertSpread(t, herd.returnedAtMs.slice(returnedBefore), drainedFromMs, options.drainTimeoutMs)
  }

  over.abort()
  for (const [name, outcome] of Object.entries(running)) assertNoFailure(t, name, await outcome)
  for (const [number, times] of backend.posts) assert.equal(times, 1, `POST ${number} has come ${times} times`)
  const comebacks = (await eventClients).map(({ ids, retriesMs, failures }) => {
    assert.deepEqual(failures, [])
    assert.deepEqual(
      ids,
      Array.from(ids, (_, index) => index + 1),
      'an event was lost, or came twice',
    )
    assert.ok(ids.length > 20, `only ${ids.length} events`)
    assert.ok(!retriesMs.includes(undefined), 'a stream has ended without a word of when to come back')
    return retriesMs.length
  })
  t.diagnostic(`events: ${comebacks.reduce((sum, count) => sum + count, 0)} comebacks of ${EVENT_CLIENTS} clients`)
  assert.ok(Math.max(...comebacks) > 0, 'no stream had to come back')
}

function assertNoFailure(t: TestContext, name: string, { answered, retried, failures }: Outcome): void {
  t.diagnostic(`${name}: ${answered} answered, ${retried} retried, ${failures.length} failed`)
  assert.deepEqual(failures, [], name)
  assert.ok(answered > 10, `only ${answered} of ${name} were answered`)
}

/** In no tenth of the drain have more than a share of the clients come back, but for a few, who may. */
function assertSpread(t: TestContext, returnedAtMs: readonly number[], fromMs: number, timeoutMs: number): void {
  const tenths = Array.from({ length: 10 }, () => 0)
  for (const atMs of returnedAtMs) {
    const tenth = Math.floor(((atMs - fromMs) / timeoutMs) * 10)
    assert.ok(tenth >= 0, 'a client was sent away before the drain')
    tenths[Math.min(tenth, 9)]!++
  }
  t.diagnostic(`WebSockets back by tenth of the drain: ${tenths.join(' ')}`)
  assert.ok(returnedAtMs.length > 0, 'no WebSocket was on this router')
  const most = Math.max(AT_ONCE, returnedAtMs.length * SHARE_AT_ONCE)
  assert.ok(Math.max(...tenths) <= most, `too many at once: ${tenths.join(' ')}`)
}
