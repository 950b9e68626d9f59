import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BufferBudget } from '../../src/exchange/buffer-budget.ts'
import { CLOSED_SIDE } from '../../src/exchange/closed-side.ts'
import { DeadlineWheel } from '../../src/exchange/deadline-wheel.ts'
import { ExchangeError } from '../../src/exchange/errors.ts'
import { Identity, Lease } from '../../src/exchange/identity.ts'
import { authenticateAny, requireIdentity } from '../../src/policies/authenticate.ts'
import type { Authenticator, Verdict } from '../../src/policies/policy.ts'
import { testRequest } from '../support/test-request.ts'
import { testRoute } from '../support/test-route.ts'
import { recorder } from './policy-stage.ts'

const buffers = new BufferBudget()

function authenticator(verdict: () => Verdict | Promise<Verdict>, optional = false): Authenticator {
  return { challenge: 'Bearer', optional, identify: verdict }
}

function setUp() {
  let nowMs = 1_000_000
  const wheel = new DeadlineWheel({ now: () => nowMs })
  const identity = (expiresAtMs?: number, graceMs = 0) =>
    new Identity(
      { subjectId: 'someone', claims: {}, provedBy: 'test', expiresAtMs },
      { wheel, now: () => nowMs, graceMs },
    )
  const pass = (ms: number) => {
    for (let left = ms; left > 0; left -= 10) {
      nowMs += 10
      wheel.advance()
    }
  }
  return { wheel, identity, pass, nowMs: () => nowMs }
}

describe('authentication', () => {
  test('the first that finds its credential decides', async () => {
    const { identity } = setUp()
    const found = identity()
    const head = testRequest()
    const authenticate = authenticateAny([
      authenticator(() => undefined),
      authenticator(async () => found),
      authenticator(() => new ExchangeError('forbidden', 'not asked')),
    ])
    assert.equal(await authenticate(head), undefined)
    assert.equal(head.identity, found)
  })

  test('without a credential a request is refused with a challenge, unless that is optional', () => {
    const head = testRequest()
    const error = authenticateAny([authenticator(() => undefined)])(head)
    assert.equal((error as ExchangeError).code, 'unauthorized')
    assert.deepEqual(head.responseHeaders, ['www-authenticate', 'Bearer'])
    assert.equal(authenticateAny([authenticator(() => undefined, true)])(testRequest()), undefined)
  })

  test('one that is optional does not open a route that another guards', () => {
    const optional = authenticator(() => undefined, true)
    const needed = authenticator(() => undefined)
    for (const authenticators of [
      [optional, needed],
      [needed, optional],
    ]) {
      assert.equal((authenticateAny(authenticators)(testRequest()) as ExchangeError).code, 'unauthorized')
    }
    assert.equal(authenticateAny([optional, optional])(testRequest()), undefined)
  })

  test('says for the log why nobody is known over raw TCP', () => {
    const head = {
      ...testRequest(),
      kind: 'tcp' as const,
      route: { ...testRoute({ kind: 'tcp' }), dispatch: () => CLOSED_SIDE },
    }
    const error = authenticateAny([authenticator(() => undefined)])(head)
    assert.match((error as ExchangeError).message, /raw TCP .* client certificate/)
  })

  test('a credential that is refused has a challenge of its own', () => {
    const refusals = { unauthorized: 'Bearer error="invalid_token"', forbidden: 'Bearer error="insufficient_scope"' }
    for (const code of ['unauthorized', 'forbidden'] as const) {
      const head = testRequest()
      const refusing = { ...authenticator(() => new ExchangeError(code, 'no')), refusals }
      assert.equal((authenticateAny([refusing])(head) as ExchangeError).code, code)
      assert.deepEqual(head.responseHeaders, ['www-authenticate', refusals[code]])
    }
  })

  test('what a client sends while the verdict is awaited comes to the backend in order', async () => {
    const { wheel, identity } = setUp()
    const verdict = Promise.withResolvers<Verdict>()
    const client = recorder()
    const backend = recorder()
    const dispatch = requireIdentity(authenticateAny([authenticator(() => verdict.promise)]), () => backend, {
      wheel,
      buffers,
    })
    const side = dispatch(testRequest(), client)
    const chunk = Buffer.from('one')
    assert.equal(side.data(chunk), false)
    chunk.fill('x')
    side.data(Buffer.from('two'))
    assert.deepEqual(backend.heard, [])
    verdict.resolve(identity())
    await verdict.promise
    await new Promise(setImmediate)
    side.data(Buffer.from('three'))
    side.end()
    assert.deepEqual(backend.heard, ['data one', 'data two', 'data three', 'end'])
    assert.deepEqual(client.heard, ['drained'])
    assert.equal(wheel.size, 0)
  })

  test('a client that goes while the verdict is awaited reaches nobody', async () => {
    const { wheel, identity } = setUp()
    const verdict = Promise.withResolvers<Verdict>()
    const dispatch = requireIdentity(
      authenticateAny([authenticator(() => verdict.promise)]),
      () => assert.fail('dispatched'),
      { wheel, buffers },
    )
    const side = dispatch(testRequest(), recorder())
    side.reset(new ExchangeError('client_gone', 'gone'))
    verdict.resolve(identity())
    await new Promise(setImmediate)
    assert.equal(wheel.size, 0)
  })

  test('a verdict that does not come in time is nobody’s, and may be asked for again', () => {
    const { wheel, pass } = setUp()
    const client = recorder()
    const never = new Promise<Verdict>(() => {})
    requireIdentity(authenticateAny([authenticator(() => never)]), () => assert.fail(), { wheel, buffers })(
      testRequest(),
      client,
    )
    pass(10_100)
    assert.deepEqual(client.heard, ['reset busy'])
    assert.equal(wheel.size, 0)
  })

  test('a connection’s identity is not proved anew, but has to be valid still', () => {
    const { wheel, identity, nowMs, pass } = setUp()
    const dispatch = requireIdentity(
      () => assert.fail('asked'),
      () => recorder(),
      { wheel, buffers },
    )
    const head = { ...testRequest(), identity: identity(nowMs() + 1000, 500) }
    const heard = () => {
      const client = recorder()
      dispatch(head, client)
      return client.heard
    }
    assert.deepEqual(heard(), [])
    pass(1490)
    assert.deepEqual(heard(), [], 'it is in its grace')
    pass(10)
    assert.deepEqual(heard(), ['reset unauthorized'])
    head.identity = identity()
    head.identity.revoke()
    assert.deepEqual(heard(), ['reset unauthorized'])
  })
})

describe('identity', () => {
  test('what lasts ends when the grace after the expiry is over', () => {
    const { identity, nowMs, pass, wheel } = setUp()
    const someone = identity(nowMs() + 1000, 500)
    const revoked: string[] = []
    const lease = new Lease(someone, { onRevoked: ({ code }) => revoked.push(code) })
    pass(1400)
    assert.deepEqual(revoked, [])
    pass(200)
    assert.deepEqual(revoked, ['unauthorized'])
    assert.equal(someone.leases + wheel.size, 0)
    lease.end()
  })

  test('a renewed lease lasts as long as the new identity', () => {
    const { identity, nowMs, pass, wheel } = setUp()
    const revoked: string[] = []
    const lease = new Lease(identity(nowMs() + 1000), { onRevoked: ({ code }) => revoked.push(code) })
    lease.renew(identity(nowMs() + 5000))
    pass(2000)
    assert.deepEqual(revoked, [])
    lease.end()
    assert.equal(wheel.size, 0)
  })

  test('revoking ends every lease at once, and each that comes later', () => {
    const { identity } = setUp()
    const someone = identity()
    let revoked = 0
    const holder = { onRevoked: () => void revoked++ }
    new Lease(someone, holder)
    new Lease(someone, holder).end()
    someone.revoke()
    new Lease(someone, holder)
    assert.equal(revoked, 2)
    assert.equal(someone.isExpired, true)
  })
})
