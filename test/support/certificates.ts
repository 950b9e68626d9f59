import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsOptions } from '../../src/adapters/tls/tls-options.ts'

/** A directory of this test's, or of this suite's: `{ after }`. */
export function temporaryFiles(t: { after(end: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'engine-router-tls-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export interface KeyPair {
  /** Paths of PEM files. */
  readonly cert: string
  readonly key: string
}

/** Certificates of one authority, made by `openssl`. */
export interface Authority {
  /** Its own certificate. */
  readonly cert: string
  /** For `localhost` and 127.0.0.1, unless it is said otherwise. */
  issue(commonName: string, options?: IssueOptions): KeyPair
}

export interface IssueOptions {
  /** In openssl's words; default: of this machine. */
  readonly altNames?: string
  /** More of the subject than its common name, before that, such as `/C=DE/O=Acme`. */
  readonly subject?: string
  /** Its day is over. */
  readonly expired?: boolean
  /** Of its life. */
  readonly days?: number
  /** In openssl's words; default: P-256. */
  readonly keyType?: readonly string[]
}

/** So many that nobody has to be warned. */
const DAYS = 90

const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']

/** A certificate that its own key has signed, for a server that asks its clients for none. */
export function createCertificate(directory: string, commonName: string): TlsOptions {
  return { ...selfSigned(directory, commonName), clientCa: undefined, clientAuth: 'none' }
}

export function createAuthority(directory: string, commonName = 'test authority'): Authority {
  const authority = selfSigned(directory, commonName)
  let serial = 1
  return {
    cert: authority.cert,
    issue(name, options = {}) {
      const { altNames = 'DNS:localhost,IP:127.0.0.1', subject = '', keyType = P256 } = options
      const { expired = false, days = expired ? -1 : DAYS } = options
      const [cert, key, request, extensions] = ['crt', 'key', 'csr', 'ext'].map((end) =>
        join(directory, `${name}.${end}`),
      ) as [string, string, string, string]
      openssl('req', ...keyType, '-nodes', '-subj', `${subject}/CN=${name}`, '-keyout', key, '-out', request)
      writeFileSync(extensions, `subjectAltName=${altNames}\n`)
      const signer = ['-CA', authority.cert, '-CAkey', authority.key, '-set_serial', String(serial++)]
      openssl('x509', '-req', '-in', request, ...signer, '-days', String(days), '-extfile', extensions, '-out', cert)
      return { cert, key }
    },
  }
}

function selfSigned(directory: string, commonName: string): KeyPair {
  // Without a space, which scanners would take for the end of the name.
  const file = join(directory, commonName.replaceAll(' ', '-'))
  const [cert, key] = [`${file}.crt`, `${file}.key`]
  openssl(
    'req',
    '-x509',
    ...P256,
    '-nodes',
    '-days',
    String(DAYS),
    '-subj',
    `/CN=${commonName}`,
    '-keyout',
    key,
    '-out',
    cert,
  )
  return { cert, key }
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}
