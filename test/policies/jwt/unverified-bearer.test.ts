import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createApiKey, hashApiKey } from '../../../src/exchange/api-key.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import { natsUrl } from '../../support/nats.ts'
import { openRaw } from '../../support/raw-http.ts'
import { startTokenIssuer, type TokenIssuer } from '../../support/token-issuer.ts'
import { type GuardedBackend, startGuardedBackend } from '../guarded-backend.ts'

const P = `t${process.pid}unverified`
const FORGED = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl'

/** A backend believes that its router has looked at a token that it hands on. */
describe('a bearer token that was not verified', () => {
  let backend: GuardedBackend
  let gateway: Gateway
  let issuer: TokenIssuer
  let other: TokenIssuer
  const { id, key } = createApiKey()

  before(async () => {
    issuer = await startTokenIssuer()
    other = await startTokenIssuer()
    backend = await startGuardedBackend(P)
    const jwt = { jwks: issuer.jwks.url, from: { cookie: 'session', query: 'token' } }
    const route = (name: string, policies: readonly Record<string, object>[]) => ({
      name,
      match: { path: `/${name}` },
      subject: `${P}.whole`,
      policies,
    })
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [
        route('jwt', [{ jwt }]),
        route('both', [{ apiKey: {} }, { jwt }]),
        route('key', [{ apiKey: {} }]),
        route('two', [{ jwt }, { jwt: { jwks: other.jwks.url } }]),
      ],
    })
    gateway.apiKeys.replace([{ id, hash: hashApiKey(key), subjectId: 'billing', scopes: [], expiresAtMs: undefined }])
  })

  after(async () => {
    await gateway.assertIdle()
    await gateway.close()
    await backend.close()
    await issuer.close()
    await other.close()
  })

  async function status(path: string, fields: readonly string[]): Promise<number> {
    const raw = await openRaw(gateway.port)
    raw.write([`GET ${path} HTTP/1.1`, 'Host: x', ...fields, '', ''].join('\r\n'))
    await raw.until(/^HTTP\/1\.1 \d{3} /)
    raw.destroy()
    return Number(raw.text().slice(9, 12))
  }
  const seen = () => backend.request?.headers?.get('authorization') || undefined

  for (const value of [
    `Bearer\t${FORGED}`,
    `Bearer ${FORGED} ,`,
    `\tBearer\t${FORGED}`,
    `Bearer\u00a0${FORGED}`,
    'Bearer',
  ]) {
    test(`is refused where it is malformed, whatever else is shown: ${JSON.stringify(value.slice(0, 8))}`, async () => {
      const cookie = `Cookie: session=${await issuer.sign()}`
      assert.equal(await status('/jwt', [cookie, `Authorization: ${value}`]), 401)
    })
  }

  test('does not reach the backend of somebody whom another credential has let in', async () => {
    for (const value of [`Bearer ${FORGED}`, `Bearer\t${FORGED}`]) {
      assert.equal(await status('/both', [`x-api-key: ${key}`, `Authorization: ${value}`]), 200)
      assert.equal(seen(), undefined)
    }
    const basic = 'Basic YTpi'
    assert.equal(await status('/both', [`x-api-key: ${key}`, `Authorization: ${basic}`]), 200)
    assert.equal(seen(), basic)
  })

  test('is handed on where nobody is to verify it, and one that was verified everywhere', async () => {
    assert.equal(await status('/key', [`x-api-key: ${key}`, `Authorization: Bearer ${FORGED}`]), 200)
    assert.equal(seen(), `Bearer ${FORGED}`)
    const good = `Bearer ${await issuer.sign()}`
    for (const path of ['/jwt', '/both', '/two']) {
      assert.equal(await status(path, [`Authorization: ${good}`]), 200)
      assert.equal(seen(), good)
    }
  })

  test('in a cookie with a separator of lines, or in a query of nonsense, ends nothing but its request', async () => {
    for (const cookie of ['Cookie: session=a\u2028b', 'Cookie: session=\u2029x']) {
      assert.equal(await status('/jwt', [cookie]), 401)
    }
    assert.equal(await status('/jwt?token=%&%=%&token=%ff', []), 401)
  })
})
