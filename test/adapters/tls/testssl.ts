import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { temporaryFiles } from '../../support/certificates.ts'
import { needs } from '../../support/needs.ts'
import { startTlsListeners } from '../../support/start-tls-listeners.ts'

/** For `skip`. */
export const noTestssl = needs(spawnSync('testssl', ['--version']).error === undefined, 'testssl is not here')

interface Finding {
  readonly id: string
  readonly severity: string
  readonly finding: string
}

const KNOWN = {
  // Of the certificates that tests make: their authority has no list of what it has revoked, and counts from 1.
  cert_revocation: ['http', 'tcp'],
  cert_serialNumberLen: ['http', 'tcp'],
  // uWebSockets lets the client choose among ciphers, all of which are strong.
  cipher_order: ['http'],
}

/**
 * What grades a server A: testssl 3.0 does not rate, so that what a rating looks at is looked at one by one. That
 * nothing is to be said against the rest is for `severity` to say.
 */
const GRADE_A: Readonly<Record<string, RegExp>> = {
  SSLv2: /^not offered$/,
  SSLv3: /^not offered$/,
  TLS1: /^not offered$/,
  TLS1_1: /^not offered$/,
  TLS1_2: /^offered$/,
  TLS1_3: /^offered with final$/,
  cipherlist_NULL: /^not offered$/,
  cipherlist_aNULL: /^not offered$/,
  cipherlist_EXPORT: /^not offered$/,
  cipherlist_LOW: /^not offered$/,
  cipherlist_3DES_IDEA: /^not offered$/,
  cipherlist_AVERAGE: /^not offered$/,
  cipherlist_STRONG: /^offered$/,
  PFS: /^offered$/,
  PFS_ECDHE_curves: /^(?:(?:prime256v1|secp384r1|secp521r1|X25519|X448) ?)+$/,
  cert_signatureAlgorithm: /^ECDSA with SHA256$/,
  cert_keySize: /^EC 256 bits$/,
  cert_chain_of_trust: /^passed/,
  secure_renego: /^supported$/,
  secure_client_renego: /^not vulnerable/,
  CRIME_TLS: /^not vulnerable/,
}

/** These tell of all in `GRADE_A`. */
const CHECKS = [
  '--protocols',
  '--std',
  '--fs',
  '--server-preference',
  '--server-defaults',
  '--renegotiation',
  '--crime',
]

/** Scans a listener as it is by default, for what keeps it from the best grade. */
export async function assertGradeA(t: TestContext, kind: 'http' | 'tcp', more: readonly string[] = []): Promise<void> {
  const { ports, authority } = await startTlsListeners(t)
  const json = join(temporaryFiles(t), 'findings.json')
  const options = ['--add-ca', authority, '--nodns', 'none', '--warnings', 'off', '--color', '0', '--quiet']
  const scan = spawn('testssl', ['--jsonfile', json, ...options, ...CHECKS, ...more, `localhost:${ports[kind]}`], {
    stdio: 'ignore',
  })
  t.after(() => scan.kill())
  // It exits with a number of its own also where all is well.
  await once(scan, 'exit')
  const findings = JSON.parse(readFileSync(json, 'utf8')) as Finding[]
  const known = Object.entries(KNOWN).flatMap(([id, kinds]) => (kinds.includes(kind) ? id : []))
  assert.deepEqual(
    findings.filter(({ id, severity }) => /^(?:LOW|MEDIUM|HIGH|CRITICAL|FATAL)$/.test(severity) && !known.includes(id)),
    [],
  )
  for (const [id, expected] of Object.entries(GRADE_A)) {
    assert.match(findings.find((found) => found.id === id)?.finding ?? 'was not looked at', expected, id)
  }
}
