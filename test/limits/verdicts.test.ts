import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { BufferBudget } from '../../src/exchange/buffer-budget.ts'
import { DeadlineWheel } from '../../src/exchange/deadline-wheel.ts'
import type { ExchangeError } from '../../src/exchange/errors.ts'
import { PendingExchange } from '../../src/policies/pending-exchange.ts'
import { recorder } from '../policies/policy-stage.ts'
import { testRequest } from '../support/test-request.ts'
import { createTestClock, TICKS_MS } from './test-clock.ts'

const VERDICT_MS = 10_000
const MAX_PENDING_BYTES = 16 * 1024 * 1024
const HALF = Buffer.alloc(MAX_PENDING_BYTES / 2)

/** A request that waits until it is known who its client is. */
function startWaiting(t: TestContext) {
  const clock = createTestClock()
  const wheel = new DeadlineWheel({ now: clock.now })
  t.after(() => wheel.stop())
  const { promise: verdict, resolve } = Promise.withResolvers<ExchangeError | undefined>()
  const client = recorder()
  const taken: number[] = []
  const backend = { ...recorder(), data: (chunk: Uint8Array) => taken.push(chunk.length) > 0 }
  const parts = { wheel, buffers: new BufferBudget() }
  const pending = new PendingExchange(verdict, testRequest(), client, () => backend, parts)
  return {
    pending,
    client,
    taken,
    parts,
    pass: (ms: number) => clock.pass(wheel, ms),
    async letIn() {
      resolve(undefined)
      await verdict
    },
  }
}

describe('a request whose client is not known yet', () => {
  test('waits for the verdict for ten seconds', async (t) => {
    const { client, pass, letIn, pending, taken } = startWaiting(t)
    pass(VERDICT_MS)
    await letIn()
    pending.data(Buffer.from('x'))
    pass(TICKS_MS)
    assert.deepEqual([client.heard, taken], [[], [1]])
  })

  test('is busy when it takes longer', async (t) => {
    const { client, pass, letIn, pending, taken, parts } = startWaiting(t)
    pass(VERDICT_MS)
    assert.deepEqual(client.heard, [])
    pass(TICKS_MS)
    assert.deepEqual(client.heard, ['reset busy'])
    await letIn()
    pending.data(Buffer.from('x'))
    assert.deepEqual([client.heard.length, taken, parts.buffers.heldBytes], [1, [], 0])
  })

  test('may have sent 16 MiB by then, and not one byte more', async (t) => {
    const inTime = startWaiting(t)
    const tooMuch = startWaiting(t)
    for (const { pending } of [inTime, tooMuch]) for (let i = 0; i < 2; i++) pending.data(HALF)
    tooMuch.pending.data(Buffer.from('x'))
    assert.deepEqual(tooMuch.client.heard, ['reset too_large'])
    assert.equal(tooMuch.parts.buffers.heldBytes, 0)
    assert.deepEqual(inTime.client.heard, [])
    await inTime.letIn()
    assert.deepEqual(inTime.taken, [HALF.length, HALF.length])
  })
})
