import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { exportSPKI, SignJWT } from 'jose'
import { parse } from 'yaml'
import type { RequestHead } from '../../../src/exchange/exchange.ts'
import { PUBLIC_ALGORITHMS, SECRET_ALGORITHMS } from '../../../src/policies/jwt/options.ts'
import { createPolicies } from '../../../src/policies/policies.ts'
import { policyListSchema, toPolicySpecs } from '../../../src/policies/policy-list.ts'
import { testRequest } from '../../support/test-request.ts'
import { testRoute } from '../../support/test-route.ts'
import { createSigningKey, type SigningKey, signToken } from '../../support/token-issuer.ts'
import { policyContext, recorder } from '../policy-stage.ts'

const SECRET = 'a secret of more than sixty-four bytes, as HS512 would like to have it'
const nowMs = Math.floor(Date.now() / 1000) * 1000
const nowS = nowMs / 1000

/** What a token says, and the outcome: the subject, or the code of the refusal. */
type Case = readonly [claims: Readonly<Record<string, unknown>>, outcome: string]

describe('the options of jwt in YAML', () => {
  let directory: string
  /** The first of them signs what does not say otherwise. */
  let keys: readonly SigningKey[]
  let jwks: string
  let secretFile: string

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'engine-router-options-'))
    keys = await Promise.all(['ES256', 'ES384'].map((alg) => createSigningKey(alg, alg)))
    jwks = join(directory, 'jwks.json')
    writeFileSync(jwks, JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }))
    secretFile = join(directory, 'secret')
    writeFileSync(secretFile, SECRET)
  })

  after(() => rmSync(directory, { recursive: true }))

  /** A route with this policy and the keys; what its backend is told, or the code of the refusal. */
  function guard(options: string, keysFrom = `jwks: ${jwks}`) {
    const list = policyListSchema.parse(parse(`- jwt: {${[keysFrom, options].filter(Boolean).join(', ')}}`))
    const policies = createPolicies(policyContext(() => nowMs))
    let reached: RequestHead | undefined
    const service = policies.protect(testRoute(), toPolicySpecs(list), {
      dispatch(request) {
        reached = request
        return recorder()
      },
    })
    const enter = async (request: RequestHead): Promise<RequestHead | string> => {
      reached = undefined
      const error = await service.authenticate!(request)
      if (error !== undefined) return error.code
      service.dispatch(request, recorder())
      return reached ?? assert.fail('it went nowhere')
    }
    const withToken = (token: string, over: Partial<RequestHead> = {}) =>
      testRequest({ ...over, headers: ['authorization', `Bearer ${token}`, ...(over.headers ?? [])] })
    return {
      enter,
      withToken,
      /** Whether a token is known already, and needs no check of its signature. */
      knows: (token: string) => !(service.authenticate!(withToken(token)) instanceof Promise),
      async outcome(token: string) {
        const result = await enter(withToken(token))
        return typeof result === 'string' ? result : result.identity?.subjectId
      },
    }
  }

  const sign = (claims: Readonly<Record<string, unknown>> = {}, key = keys[0]!) => signToken(key, claims, nowMs)

  const cases: Readonly<Record<string, readonly Case[]>> = {
    '': [
      [{}, 'alice'],
      [{ exp: undefined }, 'unauthorized'],
      [{ exp: nowS - 4 }, 'alice'],
      [{ exp: nowS - 5 }, 'unauthorized'],
      [{ nbf: nowS + 5 }, 'alice'],
      [{ nbf: nowS + 6 }, 'unauthorized'],
    ],
    'issuer: "https://issuer.example"': [
      [{ iss: 'https://issuer.example' }, 'alice'],
      [{ iss: 'https://issuer.example/' }, 'unauthorized'],
      [{}, 'unauthorized'],
    ],
    'audience: router': [
      [{ aud: 'router' }, 'alice'],
      [{ aud: ['mail', 'router'] }, 'alice'],
      [{ aud: 'mail' }, 'unauthorized'],
      [{}, 'unauthorized'],
    ],
    'audience: [router, gate]': [
      [{ aud: 'router' }, 'alice'],
      [{ aud: ['gate'] }, 'alice'],
      [{ aud: ['mail', 'router,gate'] }, 'unauthorized'],
      [{}, 'unauthorized'],
    ],
    'claims: {org.plan: pro, admin: true, level: 3}': [
      [{ org: { plan: ['free', 'pro'] }, admin: true, level: 3 }, 'alice'],
      [{ org: { plan: 'free' }, admin: true, level: 3 }, 'forbidden'],
      [{ org: { plan: 'pro' }, admin: 'true', level: 3 }, 'forbidden'],
      [{ org: { plan: 'pro' }, admin: true, level: '3' }, 'forbidden'],
      [{ org: { plan: 'pro' }, level: 3 }, 'forbidden'],
    ],
    'scopes: [read, write]': [
      [{ scope: 'write read' }, 'alice'],
      [{ scp: ['read', 'write'] }, 'alice'],
      [{ scope: 'read' }, 'forbidden'],
      [{}, 'forbidden'],
    ],
    'subject: user.id': [
      [{ user: { id: 'bob' } }, 'bob'],
      [{}, 'unauthorized'],
    ],
    'requireExp: false': [
      [{ exp: undefined }, 'alice'],
      [{ exp: nowS - 6 }, 'unauthorized'],
      [{ exp: 'never' }, 'unauthorized'],
    ],
    'requireExp: true': [
      [{}, 'alice'],
      [{ exp: undefined }, 'unauthorized'],
    ],
    'clockTolerance: 30s': [
      [{ exp: nowS - 29 }, 'alice'],
      [{ exp: nowS - 30 }, 'unauthorized'],
      [{ nbf: nowS + 31 }, 'unauthorized'],
    ],
    'clockTolerance: 0s': [
      [{ exp: nowS + 1 }, 'alice'],
      [{ exp: nowS }, 'unauthorized'],
      [{ nbf: nowS + 1 }, 'unauthorized'],
    ],
  }
  for (const [options, expected] of Object.entries(cases)) {
    test(`{${options}}: takes what fits, and nothing else`, async () => {
      const { outcome } = guard(options)
      for (const [claims, wanted] of expected) {
        assert.equal(await outcome(await sign(claims)), wanted, inspect(claims))
      }
    })
  }

  test('`algorithms` refuses what is signed with another one, however good the signature is', async () => {
    const [first, second] = await Promise.all(keys.map((key) => sign({}, key)))
    const outcomes = async (options: string) => {
      const { outcome } = guard(options)
      return [await outcome(first!), await outcome(second!)]
    }
    assert.deepEqual(await outcomes(''), ['alice', 'alice'])
    assert.deepEqual(await outcomes('algorithms: [ES384]'), ['unauthorized', 'alice'])
    assert.deepEqual(await outcomes('algorithms: [ES256, RS256]'), ['alice', 'unauthorized'])
  })

  for (const alg of PUBLIC_ALGORITHMS) {
    test(`take ${alg} by default, and by its name`, async () => {
      const key = await createSigningKey('other', alg)
      const file = join(directory, `${alg}.pem`)
      writeFileSync(file, await exportSPKI(key.publicKey))
      const token = await sign({}, key)
      const others = PUBLIC_ALGORITHMS.filter((other) => other !== alg)
      const outcome = (options: string) => guard(options, `publicKeyFile: ${file}`).outcome(token)
      assert.equal(await outcome(''), 'alice')
      assert.equal(await outcome(`algorithms: [${alg}]`), 'alice')
      assert.equal(await outcome(`algorithms: [${others}]`), 'unauthorized')
    })
  }

  for (const alg of SECRET_ALGORITHMS) {
    test(`take ${alg} by default, and by its name`, async () => {
      const signed = new SignJWT({ sub: 'alice', exp: nowS + 60 }).setProtectedHeader({ alg })
      const token = await signed.sign(Buffer.from(SECRET))
      const others = SECRET_ALGORITHMS.filter((other) => other !== alg)
      const outcome = (options: string) => guard(options, `secretFile: ${secretFile}`).outcome(token)
      assert.equal(await outcome(''), 'alice')
      assert.equal(await outcome(`algorithms: [${alg}]`), 'alice')
      assert.equal(await outcome(`algorithms: [${others}]`), 'unauthorized')
    })
  }

  test('`from` says where a token may be, and hides it there', async () => {
    const token = await sign()
    const request = (query: string, cookie: string) => testRequest({ query, headers: ['cookie', cookie] })
    const told = async (options: string, head: RequestHead) => {
      const result = await guard(options).enter(head)
      return typeof result === 'string' ? result : [result.query, ...result.headers]
    }
    const query = 'from: {query: access}'
    const cookie = 'from: {cookie: session}'
    assert.deepEqual(await told(query, request(`a=1&access=${token}`, 'b=2')), ['a=1', 'cookie', 'b=2'])
    assert.deepEqual(await told(query, request(`token=${token}`, `access=${token}`)), 'unauthorized')
    assert.deepEqual(await told(cookie, request('a=1', `session=${token}; b=2`)), ['a=1', 'cookie', 'b=2'])
    assert.deepEqual(await told(cookie, request(`session=${token}`, `other=${token}`)), 'unauthorized')
    assert.deepEqual(await told('', request(`access=${token}`, `session=${token}`)), 'unauthorized')
  })

  test('`headers` tells the backend claims, in place of what a client says', async () => {
    const { enter, withToken } = guard('headers: {X-Mail: email, X-Plan: org.plan}')
    const fields = async (claims: object) => {
      const headers = ['x-mail', 'root@b.c', 'x-plan', 'pro', 'x-other', '1']
      const result = await enter(withToken(await sign({ ...claims }), { headers }))
      assert.ok(typeof result !== 'string')
      const sent = result.headers.slice(result.headers.indexOf('authorization') + 2)
      return [...sent, '|', ...(result.backendHeaders ?? [])]
    }
    const expected = ['x-other', '1', '|', 'x-mail', 'a@b.c', 'x-plan', 'free']
    assert.deepEqual(await fields({ email: 'a@b.c', org: { plan: 'free' } }), expected)
    assert.deepEqual(await fields({ email: 'a@b.c' }), ['x-other', '1', '|', 'x-mail', 'a@b.c'])
    assert.deepEqual(await fields({}), ['x-other', '1', '|'])
  })

  test('`optional` lets in who shows no token, and not who shows a bad one', async () => {
    const { enter, withToken, outcome } = guard('optional: true')
    const anonymous = await enter(testRequest())
    assert.ok(typeof anonymous !== 'string')
    assert.equal(anonymous.identity, undefined)
    assert.equal(await outcome(await sign()), 'alice')
    assert.equal(await enter(withToken('a.bad.token')), 'unauthorized')
    assert.equal(await guard('').enter(testRequest()), 'unauthorized')
  })

  test('`maxTokens` bounds how many tokens are known', async () => {
    const tokens = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((sub) => sign({ sub })))
    const known = async (options: string) => {
      const { outcome, knows } = guard(options)
      for (const token of tokens) assert.match(String(await outcome(token)), /^[a-f]$/)
      return tokens.filter(knows).length
    }
    assert.equal(await known(''), tokens.length)
    const few = await known('maxTokens: 2')
    assert.ok(few >= 1 && few <= 2, `${few} are known`)
  })
})
