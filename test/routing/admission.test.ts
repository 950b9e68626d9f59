import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CLOSED_SIDE } from '../../src/exchange/closed-side.ts'
import type { ExchangeError } from '../../src/exchange/errors.ts'
import type { ClientSide, RequestHead } from '../../src/exchange/exchange.ts'
import { Admission } from '../../src/routing/admission.ts'

const SERVE_MS = 0.02
/** What the reply of a backend costs the router, in a turn of its own. */
const REPLY_MS = 0.01
const REFUSE_MS = 0.005
const CAPACITY_PER_MS = 1 / (SERVE_MS + REPLY_MS)
const MAX_LOOP_DELAY_MS = 20

interface Served {
  readonly goodputPerMs: number
  readonly p99Ms: number
  readonly refused: number
}

/** The same numbers in each run. */
function createRandom(): () => number {
  let state = 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/**
 * An event loop by a clock of its own: each turn takes all that has come since the one before, first what backends have
 * replied to in the last turn, then requests. Their rate may change with time.
 */
function createLoop(maxLoopDelayMs = MAX_LOOP_DELAY_MS, workedMs?: (nowMs: number) => number) {
  let nowMs = 0
  let pausedMs = 0
  let onTurnEnd: (() => void) | undefined
  const changes: boolean[] = []
  const refusals: ExchangeError[] = []
  const admission = new Admission({
    maxLoopDelayMs,
    now: () => nowMs,
    workedMs: () => workedMs?.(nowMs) ?? nowMs - pausedMs,
    afterTurn: (callback) => {
      onTurnEnd = callback
    },
    afterRound: (callback) => {
      onTurnEnd = callback
    },
    random: createRandom(),
    onChange: (isShedding) => changes.push(isShedding),
  })
  const { dispatch } = admission.protect({
    dispatch() {
      nowMs += SERVE_MS
      return CLOSED_SIDE
    },
  })
  const client = {
    ...CLOSED_SIDE,
    head() {},
    reset(error: ExchangeError) {
      nowMs += REFUSE_MS
      refusals.push(error)
    },
  } satisfies ClientSide

  /** @param arrivals in a millisecond, in parts of what the router can serve */
  const run = (forMs: number, arrivals: number): Served => {
    const untilMs = nowMs + forMs
    const beganMs = nowMs
    const gapMs = 1 / (arrivals * CAPACITY_PER_MS)
    let dueMs = nowMs
    let replies: number[] = []
    const latenciesMs: number[] = []
    const refusedBefore = refusals.length
    while (nowMs < untilMs) {
      const turnMs = nowMs
      for (const requestedMs of replies) {
        nowMs += REPLY_MS
        latenciesMs.push(nowMs - requestedMs)
      }
      replies = []
      for (; dueMs <= turnMs; dueMs += gapMs) {
        const before = refusals.length
        dispatch({} as RequestHead, client)
        if (refusals.length === before) replies.push(dueMs)
      }
      onTurnEnd?.()
      onTurnEnd = undefined
      // Nothing to do until the next one comes.
      if (replies.length === 0) nowMs = Math.max(nowMs, dueMs)
    }
    latenciesMs.sort((a, b) => a - b)
    return {
      goodputPerMs: latenciesMs.length / (nowMs - beganMs),
      p99Ms: latenciesMs[Math.floor(0.99 * latenciesMs.length)] ?? 0,
      refused: refusals.length - refusedBefore,
    }
  }
  /** So many clients that ask again as soon as they have an answer, whatever it is. */
  const storm = (forMs: number, clients: number): Served['goodputPerMs'] => {
    const beganMs = nowMs
    let served = 0
    let pending = 0
    while (nowMs < beganMs + forMs) {
      nowMs += pending * REPLY_MS
      served += pending
      pending = 0
      for (let i = 0; i < clients; i++) {
        const before = refusals.length
        dispatch({} as RequestHead, client)
        if (refusals.length === before) pending++
      }
      onTurnEnd?.()
      onTurnEnd = undefined
    }
    return served / (nowMs - beganMs)
  }
  /** A turn of so many requests, in the middle of which the whole process stands still. */
  const pausedTurn = (requests: number, pauseMs: number): void => {
    for (let i = 0; i < requests; i++) {
      dispatch({} as RequestHead, client)
      if (i !== requests >> 1) continue
      nowMs += pauseMs
      pausedMs += pauseMs
    }
    onTurnEnd?.()
    onTurnEnd = undefined
  }
  return { admission, run, storm, pausedTurn, changes, refusals, stall: (ms: number) => (nowMs += ms) }
}

describe('admission', () => {
  test('refuses nothing of what the router can serve', () => {
    const { run, changes } = createLoop()
    assert.equal(run(10_000, 0.95).refused, 0)
    assert.deepEqual(changes, [])
  })

  for (const [arrivals, maxP99Ms] of [
    [1.1, 60],
    [1.5, 60],
    [3, 100],
  ] as const) {
    test(`keeps what it serves quick, and near the peak, at ${Math.round(arrivals * 100)}% of what it can serve`, () => {
      const { run, changes } = createLoop()
      // It takes a moment to notice.
      run(2000, arrivals)
      const { goodputPerMs, p99Ms } = run(20_000, arrivals)
      // What a refusal costs cannot be served.
      const affordable = 1 - ((arrivals - 1) * REFUSE_MS) / (SERVE_MS + REPLY_MS)
      assert.ok(goodputPerMs >= 0.9 * affordable * CAPACITY_PER_MS, `${goodputPerMs / CAPACITY_PER_MS} of the peak`)
      assert.ok(p99Ms < maxP99Ms, `${p99Ms} ms`)
      assert.deepEqual(changes, [true])
    })
  }

  test('lets a burst wait that is over soon', () => {
    const { run, changes } = createLoop()
    run(1000, 0.5)
    run(150, 1.5)
    assert.equal(run(5000, 0.5).refused, 0)
    assert.deepEqual(changes, [])
  })

  test('forgives one turn that takes long', () => {
    const { run, stall, changes } = createLoop()
    for (let i = 0; i < 20; i++) {
      stall(150)
      assert.equal(run(1000, 0.3).refused, 0)
    }
    assert.deepEqual(changes, [])
  })

  for (const requests of [600, 5000]) {
    test(`forgives one turn that takes long as all stood still in it, with ${requests} requests`, () => {
      const { run, pausedTurn, changes } = createLoop()
      for (let i = 0; i < 20; i++) {
        run(1000, 0.5)
        pausedTurn(requests, 2000)
      }
      assert.deepEqual(changes, [])
    })
  }

  test('forgives turns that take long each after a pause, as bursts do', () => {
    const { storm, stall, admission, changes } = createLoop()
    for (let i = 0; i < 20; i++) {
      storm(1, 2000)
      stall(1000)
    }
    assert.equal(admission.refused, 0)
    assert.deepEqual(changes, [])
  })

  test('refuses nothing where turns are long because others have the machine', () => {
    const { run, changes } = createLoop(MAX_LOOP_DELAY_MS, () => 0)
    assert.equal(run(5000, 1.5).refused, 0)
    assert.deepEqual(changes, [])
  })

  test('serves for as long as it refuses where all who are refused try again at once', () => {
    const { storm, admission } = createLoop()
    storm(1000, 5000)
    const goodputPerMs = storm(10_000, 5000)
    assert.ok(admission.refused > 0)
    assert.ok(goodputPerMs > 0.5 * CAPACITY_PER_MS, `${goodputPerMs / CAPACITY_PER_MS} of the peak`)
  })

  test('serves clients who wait for less than the limit again, however many there were before', () => {
    const { storm, admission } = createLoop()
    storm(5000, 8000)
    assert.equal(admission.isShedding, true)
    storm(20_000, 400)
    assert.equal(admission.isShedding, false)
    const before = admission.refused
    storm(10_000, 400)
    assert.equal(admission.refused, before)
  })

  test('tries ever more seldom also where it is hardly too much, which takes a while to show', () => {
    const { run, changes } = createLoop(50)
    run(120_000, 1.05)
    assert.ok(changes.length <= 12, `${changes.length} changes`)
  })

  test('tries ever more seldom, where there is too much all the time', () => {
    const { run, admission, changes } = createLoop()
    run(2000, 1.5)
    const { p99Ms } = run(120_000, 1.5)
    assert.deepEqual(changes, [true])
    assert.ok(p99Ms < 60, `${p99Ms} ms`)
    assert.equal(admission.isShedding, true)
  })

  test('sheds also where it takes long to pass on what one turn has brought', () => {
    const { storm, admission } = createLoop()
    storm(10_000, 20_000)
    assert.ok(admission.refused > 0)
  })

  test('takes everything again once there is room', () => {
    const { run, admission, changes } = createLoop()
    run(2000, 1.5)
    assert.equal(admission.isShedding, true)
    run(2000, 0.5)
    assert.equal(admission.isShedding, false)
    assert.equal(run(5000, 0.9).refused, 0)
    assert.deepEqual(changes, [true, false])
  })

  test('serves the first request after a long silence, though it was shedding before', () => {
    const { run, stall, admission } = createLoop()
    run(2000, 1.5)
    stall(60_000)
    assert.equal(admission.isShedding, false)
    assert.equal(run(1, 0.1).refused, 0)
  })

  test('refuses with busy, and counts', () => {
    const { run, admission, refusals } = createLoop()
    run(2000, 2)
    assert.ok(refusals.every(({ code, status }) => code === 'busy' && status === 503))
    assert.equal(admission.refused, refusals.length)
    assert.ok(admission.refused > 0)
  })

  test('is not there at all where the limit is 0', () => {
    const admission = createLoop(0).admission
    const service = { dispatch: () => CLOSED_SIDE }
    assert.equal(admission.protect(service), service)
  })
})
