import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { exportSPKI, SignJWT } from 'jose'
import { policyListSchema } from '../../src/policies/policy-list.ts'
import { parseRoute } from '../../src/routing/spec.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts'
import { type GuardedBackend, startGuardedBackend } from './guarded-backend.ts'

const P = `t${process.pid}jwt`
const SECRET = 'a secret of more than thirty-two bytes'

describe('jwt policy', () => {
  let directory: string
  let backend: GuardedBackend
  let gateway: Gateway
  let issuer: TokenIssuer

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'engine-router-jwt-'))
    issuer = await startTokenIssuer()
    const publicKeyFile = join(directory, 'key.pem')
    const secretFile = join(directory, 'secret')
    const shortFile = join(directory, 'short')
    writeFileSync(publicKeyFile, await exportSPKI(issuer.key.publicKey))
    writeFileSync(secretFile, `${SECRET}\n`)
    writeFileSync(shortFile, 'short')
    backend = await startGuardedBackend(P)
    const url = issuer.jwks.url
    const route = (name: string, ...policies: object[]) => ({
      name,
      match: { path: `/${name}` },
      subject: `${P}.whole`,
      policies: policies as Record<string, unknown>[],
    })
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [
        route('whole', { jwt: { jwks: url } }),
        route('scoped', { jwt: { jwks: url, scopes: ['admin'] } }),
        route('open', { jwt: { jwks: url, optional: true, headers: { 'X-Mail': 'email' } } }),
        route('browser', { jwt: { jwks: url, from: { query: 'access_token', cookie: 'session' } } }),
        route('either', { jwt: { jwks: url } }, { apiKey: {} }),
        route('pem', { jwt: { publicKeyFile } }),
        route('secret', { jwt: { secretFile } }),
        route('short', { jwt: { secretFile: shortFile } }),
        route('nowhere', { jwt: { publicKeyFile: join(directory, 'none') } }),
        {
          ...route('events', { jwt: { jwks: url, grace: '0s', clockTolerance: '0s' } }),
          subject: `${P}.events`,
          reply: 'many',
        },
      ],
    })
  })

  after(async () => {
    await gateway.assertIdle()
    await gateway.close()
    await backend.close()
    await issuer.close()
    rmSync(directory, { recursive: true })
  })

  const get = (path: string, token?: string, headers: Record<string, string> = {}) =>
    fetch(`${gateway.url}${path}`, {
      headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    })

  test('says to the backend who it is, and a client cannot', async () => {
    const token = await issuer.sign()
    for (let i = 0; i < 2; i++) {
      const response = await get('/whole', token, { 'sx-subject-id': 'root' })
      assert.equal(response.status, 200)
      assert.deepEqual(backend.request?.headers?.values('Sx-Subject-Id'), ['alice'])
      assert.deepEqual(backend.request?.headers?.values('sx-subject-id'), [])
    }
  })

  test('answers 401 with a challenge, which says no more than RFC 6750 does', async () => {
    const none = await get('/whole')
    assert.equal(none.status, 401)
    assert.equal(none.headers.get('www-authenticate'), 'Bearer')
    const bad = await get('/whole', await issuer.sign({ exp: 1 }))
    assert.equal(bad.status, 401)
    assert.equal(bad.headers.get('www-authenticate'), 'Bearer error="invalid_token"')
    const { requestId: _1, route: _2, ...problem } = (await bad.json()) as Record<string, unknown>
    assert.deepEqual(problem, {
      type: 'about:blank',
      status: 401,
      code: 'unauthorized',
      title: 'Authentication is required',
    })
  })

  test('answers 403 where the token is good and not enough', async () => {
    const response = await get('/scoped', await issuer.sign({ scope: 'read' }))
    assert.equal(response.status, 403)
    assert.equal(response.headers.get('www-authenticate'), 'Bearer error="insufficient_scope"')
    assert.equal((await get('/scoped', await issuer.sign({ scope: 'admin' }))).status, 200)
  })

  test('hands claims on as fields that nobody else can send', async () => {
    await get('/open', await issuer.sign({ email: 'a@b.c' }), { 'x-mail': 'root@b.c' })
    assert.deepEqual(backend.request?.headers?.values('x-mail'), ['a@b.c'])
    await get('/open', await issuer.sign(), { 'x-mail': 'root@b.c' })
    assert.deepEqual(backend.request?.headers?.values('x-mail'), [])
    const anonymous = await get('/open', undefined, { 'x-mail': 'root@b.c' })
    assert.equal(anonymous.status, 200)
    assert.deepEqual(backend.request?.headers?.values('x-mail'), [])
    assert.deepEqual(backend.request?.headers?.values('Sx-Subject-Id'), [])
    assert.equal((await get('/open', 'a.bad.token')).status, 401)
  })

  test('takes a token from the query or a cookie, and hands it to nobody', async () => {
    const token = await issuer.sign()
    assert.equal((await get(`/browser?a=1&access_token=${token}&b=2`)).status, 200)
    assert.equal(backend.request?.headers?.get('Sx-Query'), 'a=1&b=2')
    assert.equal((await get('/browser', undefined, { cookie: `a=1; session=${token}` })).status, 200)
    assert.equal(backend.request?.headers?.get('cookie'), 'a=1')
    assert.equal((await get(`/whole?access_token=${token}`)).status, 401)
    await get(`/browser?access_token=${token}`, token, { cookie: `session=${token}` })
    assert.equal(backend.request?.headers?.has('Sx-Query'), false)
    assert.equal(backend.request?.headers?.has('cookie'), false)
  })

  test('keeps an API key from the backend where the token has decided', async () => {
    const response = await get('/either', await issuer.sign(), { 'x-api-key': 'erk_secret' })
    assert.equal(response.status, 200)
    assert.equal(backend.request?.headers?.has('x-api-key'), false)
  })

  test('takes a key from a file, and a secret', async () => {
    assert.equal((await get('/pem', await issuer.sign())).status, 200)
    const sign = (secret: string) =>
      new SignJWT({ sub: 'bob' }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1h').sign(Buffer.from(secret))
    assert.equal((await get('/secret', await sign(SECRET))).status, 200)
    assert.equal((await get('/secret', await sign(`${SECRET}.`))).status, 401)
    assert.equal((await get('/secret', await issuer.sign())).status, 401)
    assert.equal((await get('/pem', await sign(await exportSPKI(issuer.key.publicKey)))).status, 401)
  })

  test('lets nobody in where its keys are not there, or are too weak', async () => {
    const weak = await new SignJWT({ sub: 'bob' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1h')
      .sign(Buffer.from('short'))
    for (const [path, token] of [
      ['/short', weak],
      ['/nowhere', await issuer.sign()],
    ] as const) {
      const response = await get(path, token)
      assert.equal(response.status, 503)
      assert.ok(response.headers.has('retry-after'))
    }
  })

  test('a stream of events ends when its token has expired, and not before', async () => {
    const exp = Math.floor(Date.now() / 1000) + 2
    const response = await get('/events', await issuer.sign({ exp }))
    assert.equal(response.status, 200)
    await assert.rejects(response.text())
    const lateMs = Date.now() - exp * 1000
    assert.ok(lateMs >= 0 && lateMs < 1000, `it ended ${lateMs} ms after the expiry`)
    assert.equal(gateway.ended.at(-1)?.code, 'unauthorized')
  })
})

describe('options of jwt', () => {
  const issues = (options: object) => JSON.stringify(policyListSchema.safeParse([{ jwt: options }]).error?.issues)

  for (const [what, options, expected] of [
    ['no key', {}, /one of jwks, publicKeyFile and secretFile/],
    ['two kinds of key', { jwks: 'a.json', secretFile: 'b' }, /one of jwks/],
    ['keys over plain HTTP', { jwks: 'http://issuer.example/jwks' }, /https address/],
    ['a host that begins like a loopback', { jwks: 'http://127.0.0.1.example/jwks' }, /https address/],
    ['a password in an address', { jwks: 'https://a:b@issuer.example/jwks' }, /https address/],
    ['another scheme', { jwks: 'file:///etc/passwd' }, /https address/],
    ['a secret’s algorithm with public keys', { jwks: 'a.json', algorithms: ['HS256'] }, /does not fit/],
    ['a public algorithm with a secret', { secretFile: 'a', algorithms: ['HS256', 'RS256'] }, /does not fit/],
    ['no algorithm', { jwks: 'a.json', algorithms: ['none'] }, /algorithms/],
    ['an empty list of algorithms', { jwks: 'a.json', algorithms: [] }, /algorithms/],
    ['a field that is the router’s own', { jwks: 'a.json', headers: { 'sx-subject-id': 'sub' } }, /router’s own/],
    ['a long tolerance', { jwks: 'a.json', clockTolerance: '5m' }, /from 0s to 1m/],
    ['a secret in place of a file', { secret: SECRET }, /secret/],
  ] as const) {
    test(`refuse ${what}`, () => assert.match(issues(options) ?? 'taken', expected))
  }

  test('take an address, and http of this machine', () => {
    for (const jwks of ['https://issuer.example/jwks', 'http://localhost:1/jwks', 'http://[::1]:1/', './keys.json']) {
      assert.equal(issues({ jwks }), undefined)
    }
  })

  test('are refused on a route of raw TCP, which has no fields', () => {
    const parsed = parseRoute({
      name: 'a',
      match: { kind: 'tcp' },
      subject: 'a',
      policies: [{ jwt: { jwks: 'a.json' } }],
    })
    assert.ok(!parsed.ok)
    assert.match(parsed.issues[0]!.message, /clientCertificate/)
    assert.deepEqual(parsed.issues[0]!.path, ['policies', 0, 'jwt'])
  })
})
