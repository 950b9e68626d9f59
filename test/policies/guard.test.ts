import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CLOSED_SIDE } from '../../src/exchange/closed-side.ts'
import { ExchangeError } from '../../src/exchange/errors.ts'
import { BackendJudge } from '../../src/policies/backend-outcome.ts'
import { guardAuthenticate, guardDispatch } from '../../src/policies/guard.ts'
import { testRequest } from '../support/test-request.ts'
import { testRoute } from '../support/test-route.ts'
import { recorder } from './policy-stage.ts'

const fault = new TypeError('a fault of ours')
const fail = () => {
  throw fault
}

describe('a policy that throws', () => {
  test('ends the exchange that it works on, and nothing else', () => {
    const client = recorder()
    assert.equal(guardDispatch(fail)(testRequest(), client), CLOSED_SIDE)
    assert.deepEqual(client.heard, ['reset internal'])
    assert.equal(client.errors[0]!.cause, fault)
  })

  test('lets nobody in, at once or later', async () => {
    for (const authenticate of [fail, () => Promise.reject(fault)]) {
      const error = await guardAuthenticate(authenticate)(testRequest())
      assert.ok(error instanceof ExchangeError && error.code === 'internal' && error.cause === fault)
    }
  })

  test('says nothing of the backend', () => {
    const client = recorder()
    guardDispatch(fail)(testRequest(), client)
    const progress = { status: 0, isRequestWhole: true }
    const judge = new BackendJudge(['backend_error'], testRoute())
    assert.equal(judge.ofEnd(client.errors[0], progress), 'nothing')
    assert.equal(judge.ofEnd(new ExchangeError('internal', 'of the backend'), progress), 'failure')
  })

  test('is in nobody’s way where none does', () => {
    const client = recorder()
    const backend = recorder()
    assert.equal(guardDispatch(() => backend)(testRequest(), client), backend)
    assert.equal(guardAuthenticate(() => undefined)(testRequest()), undefined)
    assert.deepEqual(client.heard, [])
  })
})
