import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { TlsFiles } from '../../../src/adapters/tcp/tls-identity.ts'

/** A directory of this test's. */
export function temporaryFiles(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'engine-router-tcp-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A certificate that its own key has signed, made by `openssl`. */
export function createCertificate(directory: string, commonName: string): TlsFiles {
  const cert = join(directory, `${commonName}.crt`)
  const key = join(directory, `${commonName}.key`)
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', [...request, '-subj', `/CN=${commonName}`, '-keyout', key, '-out', cert], { stdio: 'pipe' })
  return { cert, key }
}
