import { constants, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Logger } from '../../exchange/logger.ts'
import { expiresSoon } from './certificate-expiry.ts'
import { CIPHERS, type TlsOptions } from './tls-options.ts'

/** Asked for, not told of: of files that are links, or on a network, the system tells no change. */
const POLL_MS = 5000

interface LoadedFiles {
  readonly context: SecureContext
  readonly expiresAtMs: number
}

/**
 * Who we are to clients of TLS. Reads the files again when they change: connections that come later get the new
 * certificate. A change that cannot be used, as between the two writes of a new pair, is logged and leaves the old one.
 */
export class TlsIdentity {
  readonly options: TlsOptions
  /** Hears that `context` is about to change; if it throws, nothing does. */
  onChange: (() => void) | undefined
  readonly #logger: Logger
  readonly #timer: NodeJS.Timeout
  #files: LoadedFiles
  #version: string
  #isPolling = false

  private constructor(options: TlsOptions, logger: Logger, files: LoadedFiles, version: string, pollMs: number) {
    this.options = options
    this.#logger = logger
    this.#files = files
    this.#version = version
    this.#timer = setInterval(() => void this.#poll(), pollMs).unref()
  }

  /** Rejects with an error that names the files if they cannot be used. Close it. */
  static async load(options: TlsOptions, logger: Logger, pollMs: number = POLL_MS): Promise<TlsIdentity> {
    // Before they are read: a change in between is found by the first poll.
    const version = await versionOf(options)
    const identity = new TlsIdentity(options, logger, await readFiles(options), version, pollMs)
    identity.#warnOfExpiry()
    return identity
  }

  get context(): SecureContext {
    return this.#files.context
  }

  /** When the certificate expires, in milliseconds since the epoch. */
  get expiresAtMs(): number {
    return this.#files.expiresAtMs
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #poll(): Promise<void> {
    // A file system may take longer than our interval.
    if (this.#isPolling) return
    this.#isPolling = true
    const version = await versionOf(this.options)
    if (version !== this.#version) {
      this.#version = version
      await this.#reload()
    }
    this.#isPolling = false
  }

  async #reload(): Promise<void> {
    try {
      const files = await readFiles(this.options)
      this.onChange?.()
      this.#files = files
      this.#logger.info({ ...this.options }, 'the TLS certificate was read again')
      this.#warnOfExpiry()
    } catch (error) {
      this.#logger.warn({ err: error }, 'the TLS certificate has changed and cannot be used; the old one stays')
    }
  }

  #warnOfExpiry(): void {
    const nowMs = Date.now()
    if (!expiresSoon(this.expiresAtMs, nowMs)) return
    const fields = { cert: this.options.cert, expiresAt: new Date(this.expiresAtMs).toISOString() }
    const message = this.expiresAtMs <= nowMs ? 'the TLS certificate has expired' : 'the TLS certificate expires soon'
    this.#logger.warn(fields, `${message}: put a new one in its place, which needs no restart`)
  }
}

/** Another text when one of the files is another, or others may read it; never rejects. */
async function versionOf({ cert, key, clientCa }: TlsOptions): Promise<string> {
  const files = clientCa === undefined ? [cert, key] : [cert, key, clientCa]
  try {
    const stats = await Promise.all(files.map((file) => stat(file, { bigint: true })))
    return stats.map(({ ino, size, mtimeNs, ctimeNs }) => `${ino} ${size} ${mtimeNs} ${ctimeNs}`).join(', ')
  } catch (error) {
    return (error as Error).message
  }
}

async function readFiles({ cert, key, clientCa, clientAuth }: TlsOptions): Promise<LoadedFiles> {
  const authorities = clientAuth === 'none' ? undefined : clientCa
  const among = authorities === undefined ? '' : ` and the authorities ${authorities}`
  try {
    const [certificate, privateKey, ca] = await Promise.all([
      readFile(cert),
      readFile(key),
      authorities === undefined ? undefined : readFile(authorities),
    ])
    // A file without any would be taken, and no client would ever be let in.
    if (ca !== undefined) new X509Certificate(ca)
    const context = createSecureContext({
      cert: certificate,
      key: privateKey,
      ...(ca === undefined ? {} : { ca }),
      ciphers: CIPHERS,
      honorCipherOrder: true,
      minVersion: 'TLSv1.2',
      // A client that renegotiates in TLS 1.2 makes us work, and gains nothing that an honest one needs.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      // Without one, OpenSSL refuses to resume a session of a client that has shown a certificate.
      sessionIdContext: 'engine-router',
    })
    // The first one is ours, those behind it lead to a root.
    return { context, expiresAtMs: Date.parse(new X509Certificate(certificate).validTo) }
  } catch (cause) {
    const { message } = cause as Error
    throw new Error(`cannot use the TLS certificate ${cert} with the key ${key}${among}: ${message}`, { cause })
  }
}
