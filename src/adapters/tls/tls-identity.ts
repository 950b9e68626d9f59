import { constants, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Logger } from '../../exchange/logger.ts'
import { CIPHERS, type TlsOptions } from './tls-options.ts'

/** Asked for, not told of: of files that are links, or on a network, the system tells no change. */
const POLL_MS = 5000

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
  #context: SecureContext
  #version: string
  #isPolling = false

  private constructor(options: TlsOptions, logger: Logger, context: SecureContext, version: string, pollMs: number) {
    this.options = options
    this.#logger = logger
    this.#context = context
    this.#version = version
    this.#timer = setInterval(() => void this.#poll(), pollMs).unref()
  }

  /** Rejects with an error that names the files if they cannot be used. Close it. */
  static async load(options: TlsOptions, logger: Logger, pollMs: number = POLL_MS): Promise<TlsIdentity> {
    // Before they are read: a change in between is found by the first poll.
    const version = await versionOf(options)
    return new TlsIdentity(options, logger, await readContext(options), version, pollMs)
  }

  get context(): SecureContext {
    return this.#context
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
      const context = await readContext(this.options)
      this.onChange?.()
      this.#context = context
      this.#logger.info({ ...this.options }, 'the TLS certificate was read again')
    } catch (error) {
      this.#logger.warn({ err: error }, 'the TLS certificate has changed and cannot be used; the old one stays')
    }
  }
}

/** Another text when one of the files is another; never rejects. */
async function versionOf({ cert, key, clientCa }: TlsOptions): Promise<string> {
  const files = clientCa === undefined ? [cert, key] : [cert, key, clientCa]
  try {
    const stats = await Promise.all(files.map((file) => stat(file, { bigint: true })))
    return stats.map(({ ino, size, mtimeNs }) => `${ino} ${size} ${mtimeNs}`).join(', ')
  } catch (error) {
    return (error as Error).message
  }
}

async function readContext({ cert, key, clientCa, clientAuth }: TlsOptions): Promise<SecureContext> {
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
    return createSecureContext({
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
  } catch (cause) {
    const { message } = cause as Error
    throw new Error(`cannot use the TLS certificate ${cert} with the key ${key}${among}: ${message}`, { cause })
  }
}
