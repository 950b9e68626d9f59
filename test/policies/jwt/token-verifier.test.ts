import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { exportSPKI } from 'jose'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import { ExchangeError } from '../../../src/exchange/errors.ts'
import { Identity, Lease } from '../../../src/exchange/identity.ts'
import type { Revocation } from '../../../src/exchange/revocation.ts'
import { KeySet } from '../../../src/policies/jwt/key-set.ts'
import { type FindKey, jwksSource, type KeySource } from '../../../src/policies/jwt/key-source.ts'
import { PUBLIC_ALGORITHMS } from '../../../src/policies/jwt/options.ts'
import { type TokenRules, TokenVerifier } from '../../../src/policies/jwt/token-verifier.ts'
import { RevocationDirectory } from '../../../src/policies/revocation-directory.ts'
import { eventually } from '../../support/eventually.ts'
import { silentLogger } from '../../support/silent-logger.ts'
import {
  createSigningKey,
  type JwksServer,
  type SigningKey,
  signToken,
  startJwksServer,
} from '../../support/token-issuer.ts'

const RULES: TokenRules = {
  algorithms: PUBLIC_ALGORITHMS,
  issuer: undefined,
  audiences: [],
  scopes: [],
  claims: [],
  subject: 'sub',
  headers: [],
  requireExp: true,
  toleranceS: 5,
}
const HOUR_MS = 3_600_000
/** When each test begins. */
const nowS = Math.floor(Date.now() / 1000)

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

describe('verifying tokens', () => {
  let first: SigningKey
  let second: SigningKey
  let jwks: JwksServer

  before(async () => {
    first = await createSigningKey('first')
    second = await createSigningKey('second')
    jwks = await startJwksServer([first])
  })

  after(() => jwks.close())

  function setUp(rules: Partial<TokenRules> = {}, maxTokens = 100, source: KeySource = jwksSource(jwks.url)) {
    jwks.keys = [first]
    jwks.answer = undefined
    const clock = { nowMs: nowS * 1000 }
    const now = () => clock.nowMs
    const wheel = new DeadlineWheel({ now })
    const keys = new KeySet({
      source,
      now,
      logger: silentLogger,
      onChanged: () => verifier.onKeysChanged(),
    })
    const parts = { wheel, now, graceMs: 10_000 }
    const revocations = new RevocationDirectory(now)
    const verifier = new TokenVerifier({
      name: 'jwt',
      rules: { ...RULES, ...rules },
      keys,
      revocations,
      parts,
      maxTokens,
    })
    /** The subject, or the code of the refusal. */
    const outcome = async (token: string) => {
      const verdict = await verifier.verify(token)
      return verdict instanceof Identity ? verdict.subjectId : verdict?.code
    }
    return { clock, verifier, keys, revocations, outcome, requests: () => jwks.requests }
  }

  for (const alg of PUBLIC_ALGORITHMS) {
    test(`takes ${alg}`, async () => {
      const { outcome } = setUp()
      const key = await createSigningKey('other', alg)
      jwks.keys = [first, key]
      assert.equal(await outcome(await signToken(key)), 'alice')
    })
  }

  test('knows a token the second time without a promise, as the same identity', async () => {
    const { verifier } = setUp()
    const token = await signToken(first)
    const identity = await verifier.verify(token)
    assert.ok(identity instanceof Identity)
    assert.equal(verifier.verify(token), identity)
    assert.equal(identity.claims.sub, 'alice')
  })

  test('asks once for many that come with one token at a time', async () => {
    const { verifier } = setUp()
    const token = await signToken(first)
    assert.equal(verifier.verify(token), verifier.verify(token))
  })

  for (const [what, claims, rules = {}, expected = 'unauthorized'] of [
    ['that has expired', { exp: nowS - 6 }],
    ['that expired within the tolerance', { exp: nowS - 3 }, {}, 'alice'],
    ['without an expiry', { exp: undefined }],
    ['without an expiry, where none is required', { exp: undefined }, { requireExp: false }, 'alice'],
    ['that is not valid yet', { nbf: nowS + 60 }],
    ['of another issuer', { iss: 'https://evil.example' }, { issuer: 'https://issuer.example' }],
    ['of the issuer', { iss: 'https://issuer.example' }, { issuer: 'https://issuer.example' }, 'alice'],
    ['without an audience', {}, { audiences: ['router'] }],
    ['for another audience', { aud: ['mail'] }, { audiences: ['router'] }],
    ['for one audience of several', { aud: ['mail', 'router'] }, { audiences: ['router', 'other'] }, 'alice'],
    ['without a subject', { sub: undefined }],
    ['with an empty subject', { sub: '' }],
    ['with a subject that is not ASCII', { sub: 'älice' }],
    ['with a subject with a line break', { sub: 'alice\r\nSx-Route: other' }],
    ['with a subject of 257 characters', { sub: 'a'.repeat(257) }],
    ['whose subject is another claim', { user: { id: 'bob' } }, { subject: 'user.id' }, 'bob'],
    ['without the scope', { scope: 'read' }, { scopes: ['read', 'write'] }, 'forbidden'],
    ['with the scopes', { scope: 'write read' }, { scopes: ['read', 'write'] }, 'alice'],
    ['with the scopes as a list', { scp: ['read', 'write'] }, { scopes: ['read', 'write'] }, 'alice'],
    ['with another value of a claim', { tenant: 'b' }, { claims: [['tenant', 'a']] }, 'forbidden'],
    [
      'with the value of a claim in a list',
      { realm: { roles: ['x', 'a'] } },
      { claims: [['realm.roles', 'a']] },
      'alice',
    ],
    ['with a claim that only the prototype has', {}, { claims: [['constructor.name', 'Object']] }, 'forbidden'],
  ] as const) {
    test(`a token ${what}: ${expected}`, async () => {
      const { outcome } = setUp(rules)
      assert.equal(await outcome(await signToken(first, { ...claims })), expected)
    })
  }

  test('a forged token is refused without a word on what it lacks', async () => {
    const { outcome } = setUp({ scopes: ['admin'] })
    const [header, payload] = (await signToken(first, { scope: 'read' })).split('.')
    assert.equal(await outcome(`${header}.${payload}.${'A'.repeat(86)}`), 'unauthorized')
  })

  test('the public key is no secret, and no signature is no signature', async () => {
    const { outcome } = setUp()
    const claims = encode({ sub: 'admin', exp: nowS + 3600 })
    const pem = await exportSPKI(first.publicKey)
    for (const secret of [pem, JSON.stringify(first.jwk)]) {
      const signed = `${encode({ alg: 'HS256', kid: 'first' })}.${claims}`
      const signature = createHmac('sha256', secret).update(signed).digest('base64url')
      assert.equal(await outcome(`${signed}.${signature}`), 'unauthorized')
    }
    for (const alg of ['none', 'None', 'NONE', '', undefined, ['ES256'], { toString: 1 }]) {
      assert.equal(await outcome(`${encode({ alg, kid: 'first' })}.${claims}.`), 'unauthorized')
    }
  })

  test('keys that the token brings along are not used', async () => {
    const { outcome } = setUp()
    const evil = await createSigningKey('first')
    const header = encode({
      alg: 'ES256',
      kid: 'first',
      jwk: evil.jwk,
      jku: 'http://127.0.0.1:1/',
      x5u: 'http://127.0.0.1:1/',
    })
    const signed = (await signToken(evil)).split('.')
    assert.equal(await outcome(`${header}.${signed[1]}.${signed[2]}`), 'unauthorized')
    assert.equal(await outcome(await signToken(evil)), 'unauthorized')
    assert.equal(await outcome(await signToken({ ...evil, kid: '../../dev/null' })), 'unauthorized')
  })

  test('what is malformed, huge or needs extensions is refused before a key is asked for', async () => {
    const { verifier, requests } = setUp()
    const good = await signToken(first)
    const [header, payload, signature] = good.split('.') as [string, string, string]
    const before = requests()
    for (const token of [
      'x',
      '..',
      `${header}.${payload}`,
      `${good}.${signature}`,
      `${header}.${encode([])}.${signature}`,
      `${header}.bm90IGpzb24.${signature}`,
      `${encode({ alg: 'ES256', crit: ['b64'], b64: false })}.${payload}.${signature}`,
      await signToken(first, { padding: 'x'.repeat(8192) }),
    ]) {
      const verdict = verifier.verify(token)
      assert.ok(verdict instanceof ExchangeError && verdict.code === 'unauthorized', token.slice(0, 20))
    }
    assert.equal(requests(), before)
  })

  test('loads the keys again for one that is new, and not for each name that somebody makes up', async () => {
    const { clock, outcome, requests } = setUp()
    assert.equal(await outcome(await signToken(first)), 'alice')
    const before = requests()
    jwks.keys = [first, second]
    assert.equal(await outcome(await signToken(second)), 'unauthorized', 'it was loaded a moment ago')
    clock.nowMs += 31_000
    assert.equal(await outcome(await signToken(second)), 'alice')
    assert.equal(requests(), before + 1)
    for (let i = 0; i < 20; i++) {
      assert.equal(await outcome(await signToken({ ...second, kid: `made-up-${i}` })), 'unauthorized')
    }
    assert.equal(requests(), before + 1)
  })

  test('goes on with the keys it has while the issuer is away', async () => {
    const { clock, outcome, requests } = setUp()
    assert.equal(await outcome(await signToken(first)), 'alice')
    jwks.answer = { status: 500, body: 'away' }
    clock.nowMs += 600_000
    const before = requests()
    assert.equal(await outcome(await signToken(first, { sub: 'bob' })), 'bob')
    await eventually('it has tried', () => requests() > before)
    assert.equal(await outcome(await signToken(first, { sub: 'carol' })), 'carol')
  })

  test('is busy without keys, and tries again a second later', async () => {
    const { clock, outcome, requests } = setUp()
    for (const answer of [
      { status: 404, body: '{}' },
      { status: 200, body: 'not json' },
      { status: 200, body: '{"keys":{}}' },
      { status: 200, body: `{"keys":[],"padding":"${'x'.repeat(300_000)}"}` },
    ]) {
      jwks.answer = answer
      assert.equal(await outcome(await signToken(first)), 'busy')
      const before = requests()
      assert.equal(await outcome(await signToken(first)), 'busy')
      assert.equal(requests(), before)
      clock.nowMs += 1000
    }
    jwks.answer = undefined
    assert.equal(await outcome(await signToken(first)), 'alice')
  })

  test('a key that the issuer has taken away ends what was opened with it', async () => {
    const { clock, verifier, outcome } = setUp()
    jwks.keys = [first, second]
    const token = await signToken(first)
    const kept = await verifier.verify(token)
    const gone = await verifier.verify(await signToken(second))
    assert.ok(kept instanceof Identity && gone instanceof Identity)
    const ended: string[] = []
    new Lease(kept, { onRevoked: () => ended.push('kept') })
    new Lease(gone, { onRevoked: ({ code }) => ended.push(code) })
    jwks.keys = [first]
    clock.nowMs += 301_000
    assert.equal(verifier.verify(token), kept)
    await eventually('the lease ends', () => ended.length > 0)
    assert.deepEqual(ended, ['unauthorized'])
    assert.equal(await outcome(await signToken(second)), 'unauthorized')
  })

  test('a key that is taken away also ends what was opened with a token that others have driven out', async () => {
    const { clock, verifier } = setUp({}, 4)
    jwks.keys = [first, second]
    const gone = await verifier.verify(await signToken(second))
    assert.ok(gone instanceof Identity)
    const ended: string[] = []
    new Lease(gone, { onRevoked: ({ code }) => ended.push(code) })
    for (const sub of ['a', 'b', 'c', 'd', 'e', 'f']) await verifier.verify(await signToken(second, { sub }))
    const token = await signToken(first)
    await verifier.verify(token)
    jwks.keys = [first]
    clock.nowMs += 301_000
    verifier.verify(token)
    await eventually('the lease ends', () => ended.length > 0)
    assert.deepEqual(ended, ['unauthorized'])
  })

  test('a key that is taken away while a token is verified with it does not let that in', async () => {
    let gate: Promise<void> | undefined
    const { parse, ...place } = jwksSource(jwks.url)
    const slowly = (text: Buffer): FindKey => {
      const find = parse(text)
      return async (...token) => {
        const key = await find(...token)
        await gate
        return key
      }
    }
    const { clock, verifier, keys, outcome } = setUp({}, 100, { ...place, parse: slowly })
    jwks.keys = [first, second]
    assert.equal(await outcome(await signToken(first)), 'alice')
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = promise
    const late = await signToken(second)
    const verdict = outcome(late)
    jwks.keys = [first]
    clock.nowMs += 301_000
    assert.equal(await keys.renew(), true)
    resolve()
    assert.equal(await verdict, 'unauthorized')
    assert.ok(verifier.verify(late) instanceof Promise)
  })

  const revocationOf = (clock: { nowMs: number }, over: Partial<Revocation> = {}): Revocation => ({
    kind: 'subject',
    value: 'alice',
    issuer: undefined,
    revokedAtMs: clock.nowMs,
    expiresAtMs: clock.nowMs + HOUR_MS,
    ...over,
  })

  test('a token that is revoked is refused at once, and one that is issued later is not', async () => {
    const { clock, revocations, outcome } = setUp()
    const token = await signToken(first, {}, clock.nowMs)
    assert.equal(await outcome(token), 'alice')
    revocations.replace([revocationOf(clock)])
    assert.equal(await outcome(token), 'unauthorized')
    assert.equal(await outcome(await signToken(first, { jti: 'another' }, clock.nowMs)), 'unauthorized')
    clock.nowMs += 1000
    assert.equal(await outcome(await signToken(first, {}, clock.nowMs)), 'alice')
    revocations.replace([])
    assert.equal(await outcome(token), 'alice')
  })

  test('a token that is revoked by its id is refused alone, without a look at its signature', async () => {
    const { clock, verifier, revocations, outcome } = setUp()
    revocations.replace([revocationOf(clock, { kind: 'jti', value: 'lost' })])
    assert.ok(verifier.verify(await signToken(first, { jti: 'lost' })) instanceof ExchangeError)
    assert.equal(await outcome(await signToken(first, { jti: 'kept' })), 'alice')
  })

  test('a token that is revoked while it is verified does not get in', async () => {
    const { clock, revocations, outcome } = setUp()
    const verdict = outcome(await signToken(first, {}, clock.nowMs))
    revocations.replace([revocationOf(clock)])
    assert.equal(await verdict, 'unauthorized')
  })

  test('a revocation ends what was opened with a token that others have driven out, or whose policy is gone', async () => {
    const { clock, verifier, revocations } = setUp({}, 4)
    const identity = await verifier.verify(await signToken(first, {}, clock.nowMs))
    assert.ok(identity instanceof Identity)
    const ended: string[] = []
    new Lease(identity, { onRevoked: ({ code }) => ended.push(code) })
    for (const sub of ['a', 'b', 'c', 'd', 'e', 'f']) await verifier.verify(await signToken(first, { sub }))
    verifier.close()
    revocations.replace([revocationOf(clock)])
    assert.deepEqual(ended, ['unauthorized'])
  })

  test('a token that is revoked is refused also by a policy that is gone, which requests under way may still ask', async () => {
    const { clock, verifier, revocations, outcome } = setUp()
    const token = await signToken(first, {}, clock.nowMs)
    assert.equal(await outcome(token), 'alice')
    verifier.close()
    revocations.replace([revocationOf(clock)])
    assert.equal(await outcome(token), 'unauthorized')
  })

  test('a token that was good is refused once it has expired', async () => {
    const { clock, outcome } = setUp()
    const token = await signToken(first, {}, clock.nowMs)
    assert.equal(await outcome(token), 'alice')
    clock.nowMs += HOUR_MS + 6000
    assert.equal(await outcome(token), 'unauthorized')
  })

  test('keeps no more tokens than it may', async () => {
    const { verifier } = setUp({}, 4)
    const tokens = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((sub) => signToken(first, { sub })))
    for (const token of tokens) await verifier.verify(token)
    const isKnown = (token: string) => verifier.verify(token) instanceof Identity
    assert.ok(isKnown(tokens.at(-1)!))
    assert.ok(!isKnown(tokens[0]!))
  })

  test('tells the backend claims, each value as one of its own', async () => {
    const headers = [
      ['x-roles', 'roles'],
      ['x-mail', 'mail'],
      ['x-none', 'none'],
    ] as const
    const { verifier } = setUp({ headers })
    const identity = await verifier.verify(await signToken(first, { roles: ['a', 'b,c'], mail: ' é%\r\nx' }))
    assert.ok(identity instanceof Identity)
    assert.deepEqual(identity.backendHeaders, ['x-roles', '["a","b,c"]', 'x-mail', '%20%C3%A9%25%0D%0Ax'])
  })
})
