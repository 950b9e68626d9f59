import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Claims } from '../../src/exchange/claims.ts'
import { DeadlineWheel } from '../../src/exchange/deadline-wheel.ts'
import { Identity, Lease } from '../../src/exchange/identity.ts'
import type { Revocation } from '../../src/exchange/revocation.ts'
import { RevocationDirectory } from '../../src/policies/revocation-directory.ts'

/** When it was revoked: within a second. */
const REVOKED_S = 1_000_000
const REVOKED_MS = REVOKED_S * 1000 + 500
const NOW_MS = REVOKED_MS + 10_000
const ISSUER = 'https://issuer.example'

function revocation(over: Partial<Revocation> = {}): Revocation {
  return {
    kind: 'subject',
    value: 'alice',
    issuer: undefined,
    revokedAtMs: REVOKED_MS,
    expiresAtMs: NOW_MS + 1000,
    ...over,
  }
}

function setUp(...revocations: Revocation[]) {
  const clock = { nowMs: NOW_MS }
  const directory = new RevocationDirectory(() => clock.nowMs)
  directory.replace(revocations)
  return { clock, directory }
}

describe('a token of a subject that is revoked', () => {
  for (const [what, claims, expected] of [
    ['issued before', { iat: REVOKED_S - 1 }, true],
    ['issued in the same second', { iat: REVOKED_S }, true],
    ['issued in the same second, and before by a clock that says so', { iat: REVOKED_S + 0.4 }, true],
    ['issued in the same second, and after by a clock that says so', { iat: REVOKED_S + 0.6 }, false],
    ['issued in the next second', { iat: REVOKED_S + 1 }, false],
    ['that does not say when', {}, true],
    ['that says when in words', { iat: 'tomorrow' }, true],
    ['that says when in milliseconds', { iat: REVOKED_MS + 5000 }, true],
    ['whose issuer is a little ahead', { iat: NOW_MS / 1000 + 59 }, false],
    ['that says an endless time', { iat: Number.POSITIVE_INFINITY }, true],
    ['of somebody else', { iat: REVOKED_S - 1, sub: 'bob' }, false],
  ] as const) {
    test(`${what} is ${expected ? 'refused' : 'good'}`, () => {
      const { directory } = setUp(revocation())
      const all: Claims = { sub: 'alice', ...claims }
      assert.equal(directory.isRevoked(all, String(all.sub)), expected)
    })
  }

  test('is known by sub, and by the claim that its policy takes for the subject', () => {
    const { directory } = setUp(revocation(), revocation({ value: '7' }))
    assert.equal(directory.isRevoked({ sub: 'x' }, 'alice'), true)
    assert.equal(directory.isRevoked({ sub: 'alice' }, 'x'), true)
    assert.equal(directory.isRevoked({ sub: 7 }, 'x'), true)
    assert.equal(directory.isRevoked({ sub: ['alice'], jti: 'alice' }, 'x'), false)
  })
})

describe('a token that is revoked by its id', () => {
  const one = revocation({ kind: 'jti', value: 't1' })

  test('is refused whenever it was issued, and no other', () => {
    const { directory } = setUp(one)
    assert.equal(directory.isRevoked({ sub: 'alice', jti: 't1', iat: REVOKED_S + 5 }, 'alice'), true)
    assert.equal(directory.isRevoked({ sub: 'alice', jti: 't2' }, 'alice'), false)
    assert.equal(directory.isRevoked({ sub: 't1' }, 't1'), false)
  })

  test('is found where its id is a number', () => {
    const { directory } = setUp({ ...one, value: '42' })
    assert.equal(directory.isRevoked({ jti: 42 }, 'alice'), true)
  })
})

describe('a revocation', () => {
  test('of one issuer leaves the tokens of others alone, and those of none', () => {
    const { directory } = setUp(revocation({ issuer: ISSUER }))
    assert.equal(directory.isRevoked({ iss: ISSUER }, 'alice'), true)
    assert.equal(directory.isRevoked({ iss: 'https://other.example' }, 'alice'), false)
    assert.equal(directory.isRevoked({}, 'alice'), false)
  })

  test('counts beside others of the same subject', () => {
    const { directory } = setUp(
      revocation({ issuer: ISSUER, revokedAtMs: REVOKED_MS + 5000 }),
      revocation({ issuer: 'https://other.example' }),
    )
    assert.equal(directory.isRevoked({ iss: ISSUER, iat: REVOKED_S + 3 }, 'alice'), true)
    assert.equal(directory.isRevoked({ iss: 'https://other.example', iat: REVOKED_S + 3 }, 'alice'), false)
  })

  test('says nothing any more when it has expired', () => {
    const { clock, directory } = setUp(revocation())
    clock.nowMs += 999
    assert.equal(directory.isRevoked({}, 'alice'), true)
    clock.nowMs += 1
    assert.equal(directory.isRevoked({}, 'alice'), false)
  })

  test('says nothing any more when it is taken back', () => {
    const { directory } = setUp(revocation())
    directory.replace([])
    assert.equal(directory.isRevoked({}, 'alice'), false)
  })

  test('ends what lasts and what is remembered, and no other', () => {
    const { directory } = setUp()
    const now = () => NOW_MS
    const parts = { wheel: new DeadlineWheel({ now }), now, graceMs: 10_000, held: directory.held }
    const identity = (subjectId: string) => new Identity({ subjectId, claims: {}, provedBy: 'jwt' }, parts)
    const [held, other, remembered, forgotten] = ['alice', 'bob', 'alice', 'alice'].map(identity)
    const ended: string[] = []
    new Lease(held!, { onRevoked: ({ code }) => ended.push(`alice ${code}`) })
    new Lease(other!, { onRevoked: ({ code }) => ended.push(`bob ${code}`) })
    const watched = () => [remembered!, other!]
    const unwatched = () => [forgotten!]
    for (const identities of [watched, unwatched]) directory.watch(identities)
    directory.unwatch(unwatched)
    directory.replace([revocation()])
    assert.deepEqual(ended, ['alice unauthorized'])
    assert.deepEqual(
      [held, other, remembered, forgotten].map((each) => each!.isExpired),
      [true, false, true, false],
    )
    assert.deepEqual([...directory.held], [other])
  })
})
