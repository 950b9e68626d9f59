import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BufferBudget } from '../../src/exchange/buffer-budget.ts'
import { CLOSED_SIDE } from '../../src/exchange/closed-side.ts'
import { DeadlineWheel } from '../../src/exchange/deadline-wheel.ts'
import { ExchangeError } from '../../src/exchange/errors.ts'
import type { ClientSide, RequestHead } from '../../src/exchange/exchange.ts'
import { Identity, Lease } from '../../src/exchange/identity.ts'
import { authenticateAny, requireIdentity } from '../../src/policies/authenticate.ts'
import type { Authenticator, Verdict } from '../../src/policies/policy.ts'
import { testRoute } from '../support/test-route.ts'

const buffers = new BufferBudget()

const request = (): RequestHead => ({
  kind: 'http',
  method: 'GET',
  host: '',
  path: '/',
  query: '',
  remote: '127.0.0.1',
  certificate: undefined,
  requestId: '1',
  headers: [],
  length: -1,
  route: undefined,
  subject: 'a',
})

function authenticator(verdict: () => Verdict | Promise<Verdict>, optional = false): Authenticator {
  return { challenge: 'Bearer', optional, identify: verdict }
}

function recorder() {
  const calls: unknown[] = []
  const side: ClientSide = {
    head: (head) => void calls.push(['head', head.status]),
    data: (chunk) => {
      calls.push(['data', Buffer.from(chunk).toString()])
      return true
    },
    end: () => void calls.push(['end']),
    reset: (error) => void calls.push(['reset', error.code]),
    drained: () => void calls.push(['drained']),
  }
  return { side, calls }
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
    const head = request()
    const authenticate = authenticateAny([
      authenticator(() => undefined),
      authenticator(async () => found),
      authenticator(() => new ExchangeError('forbidden', 'not asked')),
    ])
    assert.equal(await authenticate(head), undefined)
    assert.equal(head.identity, found)
  })

  test('without a credential a request is refused with a challenge, unless that is optional', () => {
    const head = request()
    const error = authenticateAny([authenticator(() => undefined)])(head)
    assert.equal((error as ExchangeError).code, 'unauthorized')
    assert.deepEqual(head.responseHeaders, ['www-authenticate', 'Bearer'])
    assert.equal(authenticateAny([authenticator(() => undefined, true)])(request()), undefined)
  })

  test('one that is optional does not open a route that another guards', () => {
    const optional = authenticator(() => undefined, true)
    const needed = authenticator(() => undefined)
    for (const authenticators of [
      [optional, needed],
      [needed, optional],
    ]) {
      assert.equal((authenticateAny(authenticators)(request()) as ExchangeError).code, 'unauthorized')
    }
    assert.equal(authenticateAny([optional, optional])(request()), undefined)
  })

  test('says for the log why nobody is known over raw TCP', () => {
    const head = {
      ...request(),
      kind: 'tcp' as const,
      route: { ...testRoute({ kind: 'tcp' }), dispatch: () => CLOSED_SIDE },
    }
    const error = authenticateAny([authenticator(() => undefined)])(head)
    assert.match((error as ExchangeError).message, /raw TCP .* client certificate/)
  })

  test('a credential that is refused has a challenge of its own', () => {
    const refusals = { unauthorized: 'Bearer error="invalid_token"', forbidden: 'Bearer error="insufficient_scope"' }
    for (const code of ['unauthorized', 'forbidden'] as const) {
      const head = request()
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
    const dispatch = requireIdentity(authenticateAny([authenticator(() => verdict.promise)]), () => backend.side, {
      wheel,
      buffers,
    })
    const side = dispatch(request(), client.side)
    const chunk = Buffer.from('one')
    assert.equal(side.data(chunk), false)
    chunk.fill('x')
    side.data(Buffer.from('two'))
    assert.deepEqual(backend.calls, [])
    verdict.resolve(identity())
    await verdict.promise
    await new Promise(setImmediate)
    side.data(Buffer.from('three'))
    side.end()
    assert.deepEqual(backend.calls, [['data', 'one'], ['data', 'two'], ['data', 'three'], ['end']])
    assert.deepEqual(client.calls, [['drained']])
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
    const side = dispatch(request(), recorder().side)
    side.reset(new ExchangeError('client_gone', 'gone'))
    verdict.resolve(identity())
    await new Promise(setImmediate)
    assert.equal(wheel.size, 0)
  })

  test('a verdict that does not come in time is a timeout', () => {
    const { wheel, pass } = setUp()
    const client = recorder()
    const never = new Promise<Verdict>(() => {})
    requireIdentity(authenticateAny([authenticator(() => never)]), () => assert.fail(), { wheel, buffers })(
      request(),
      client.side,
    )
    pass(10_100)
    assert.deepEqual(client.calls, [['reset', 'timeout']])
    assert.equal(wheel.size, 0)
  })

  test('a connection’s identity is not proved anew, but has to be valid still', () => {
    const { wheel, identity, nowMs, pass } = setUp()
    const dispatch = requireIdentity(
      () => assert.fail('asked'),
      () => recorder().side,
      { wheel, buffers },
    )
    const head = { ...request(), identity: identity(nowMs() + 1000) }
    dispatch(head, recorder().side)
    pass(1000)
    const client = recorder()
    dispatch(head, client.side)
    assert.deepEqual(client.calls, [['reset', 'unauthorized']])
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
