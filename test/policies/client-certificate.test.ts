import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { connect } from 'nats'
import type { ClientCertificate } from '../../src/exchange/client-certificate.ts'
import { ExchangeError } from '../../src/exchange/errors.ts'
import { Identity } from '../../src/exchange/identity.ts'
import { clientCertificate } from '../../src/policies/client-certificate.ts'
import { createAuthority, type KeyPair, temporaryFiles } from '../support/certificates.ts'
import { startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { needs } from '../support/needs.ts'
import { testRequest } from '../support/test-request.ts'
import { stagePolicy } from './policy-stage.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')

const ALICE: ClientCertificate = {
  subject: 'C=DE, O=Acme, CN=alice',
  commonName: 'alice',
  altNames: ['DNS:a.example', 'URI:spiffe://example.com/alice', 'DNS:b.example'],
  fingerprint: 'ab'.repeat(32),
  expiresAtMs: 10_000,
}

/** What the policy makes of a certificate: who it is, or the error's code and words. */
function identify(options: unknown, certificate: ClientCertificate | undefined) {
  const { policy } = stagePolicy(clientCertificate, options)
  return policy.authenticator!.identify(testRequest({ certificate }))
}

function who(options: unknown, certificate: ClientCertificate | undefined = ALICE): string | undefined {
  const verdict = identify(options, certificate)
  if (verdict instanceof Identity) return verdict.subjectId
  return verdict instanceof ExchangeError ? `${verdict.code}: ${verdict.message}` : undefined
}

describe('clientCertificate policy', () => {
  test('lets in each certificate that the listener has checked, where it has no list', () => {
    assert.equal(who({}), 'alice')
    const identity = identify({}, ALICE)
    assert.ok(identity instanceof Identity)
    assert.deepEqual(
      [identity.provedBy, identity.keyId, identity.expiresAtMs, identity.claims],
      ['clientCertificate', ALICE.fingerprint, ALICE.expiresAtMs, { ...ALICE }],
    )
  })

  test('leaves a request without a certificate to others', () => {
    const { policy } = stagePolicy(clientCertificate, { commonNames: ['alice'] })
    assert.equal(policy.authenticator!.identify(testRequest()), undefined)
  })

  test('lets in who is in any of its lists, and nobody else', () => {
    const listed = [
      { subjects: [ALICE.subject] },
      { commonNames: ['bob', 'alice'] },
      { altNames: ['URI:spiffe://example.com/alice'] },
      { fingerprints: [ALICE.fingerprint] },
      { fingerprints: [ALICE.fingerprint.toUpperCase().replace(/..(?!$)/g, '$&:')] },
      { commonNames: ['bob'], altNames: ['DNS:b.example'] },
    ]
    for (const options of listed) assert.equal(who(options), 'alice', JSON.stringify(options))
    const others = [
      { subjects: ['CN=alice'] },
      { commonNames: ['Alice'] },
      { altNames: ['spiffe://example.com/alice', 'URI:spiffe://example.com/alic'] },
      { fingerprints: ['cd'.repeat(32)] },
    ]
    for (const options of others) assert.match(who(options)!, /^forbidden: .*is in no list/, JSON.stringify(options))
  })

  test('does not let in who has no common name for a list of them', () => {
    assert.match(who({ commonNames: ['alice'] }, { ...ALICE, commonName: '' })!, /^forbidden/)
  })

  test('knows the client by the name that it is told, of which there must be one', () => {
    assert.equal(who({ identity: 'uri' }), 'spiffe://example.com/alice')
    assert.equal(who({ identity: 'fingerprint' }), ALICE.fingerprint)
    assert.match(who({ identity: 'dns' })!, /^forbidden: .*has no dns to know it by/)
    assert.match(who({ identity: 'email' })!, /^forbidden: .*has no email to know it by/)
    // A line break, or a space, would make it look like another client's to a backend.
    assert.match(who({}, { ...ALICE, commonName: 'al ice' })!, /^forbidden: .*has no commonName to know it by/)
  })

  test('gives one certificate one identity, which ends with it', () => {
    const stage = stagePolicy(clientCertificate, {})
    const identity = stage.policy.authenticator!.identify(testRequest({ certificate: ALICE }))
    assert.equal(stage.policy.authenticator!.identify(testRequest({ certificate: { ...ALICE } })), identity)
    stage.pass(ALICE.expiresAtMs)
    const late = stage.policy.authenticator!.identify(testRequest({ certificate: ALICE }))
    assert.ok(late instanceof ExchangeError)
    assert.match(`${late.code}: ${late.message}`, /^unauthorized: .* has expired$/)
  })

  test('refuses a fingerprint that is none', () => {
    const { error } = clientCertificate.schema.safeParse({ fingerprints: ['ab:cd'] })
    assert.match(error!.message, /expected a SHA-256 in hex/)
  })
})

describe('clientCertificate policy behind a listener', { skip }, () => {
  test('lets in over HTTPS and tells the backend who it is', async (t) => {
    const authority = createAuthority(temporaryFiles(t))
    const [alice, bob] = [authority.issue('alice'), authority.issue('bob')]
    const subject = `policies.certificate${process.pid}`
    const nats = await connect({ servers: await natsUrl() })
    nats.subscribe(subject, { callback: (_, message) => message.respond(message.headers?.get('Sx-Subject-Id')) })
    await nats.flush()
    const policies = [{ clientCertificate: { commonNames: ['alice'] } }]
    const gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [{ name: 'closed', match: { path: '/' }, subject, policies }],
      tls: { ...authority.issue('server'), clientCa: authority.cert, clientAuth: 'request' },
    })
    t.after(async () => {
      await gateway.close()
      await nats.close()
    })
    const get = async (pair: KeyPair | undefined) => {
      const shown = pair && { cert: readFileSync(pair.cert), key: readFileSync(pair.key) }
      const socket = connectTls({ port: gateway.port, host: '127.0.0.1', ca: readFileSync(authority.cert), ...shown })
      socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
      return text(socket)
    }
    assert.match(await get(alice), /^HTTP\/1\.1 200 .*\r\n\r\nalice$/s)
    assert.match(await get(bob), /^HTTP\/1\.1 403 /)
    assert.match(await get(undefined), /^HTTP\/1\.1 401 .*www-authenticate: ClientCertificate\r\n/s)
  })
})
