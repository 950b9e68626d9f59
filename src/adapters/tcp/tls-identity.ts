import { type StatsListener, unwatchFile, watchFile } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Logger } from '../../exchange/logger.ts'

/** PEM files. */
export interface TlsFiles {
  /** The certificate, and those between it and a root. */
  readonly cert: string
  readonly key: string
}

/** Asked for, not told of: files that are links, or on a network, tell of no change. */
const POLL_MS = 5000

/**
 * Who we are to clients of TLS. Reads the files again when they change: connections that come later get the new
 * certificate. A change that cannot be used, as between the two writes of a new pair, is logged and leaves the old one.
 */
export class TlsIdentity {
  readonly #files: TlsFiles
  readonly #logger: Logger
  readonly #onChange: StatsListener = () => void this.#reload()
  #context: SecureContext

  private constructor(files: TlsFiles, logger: Logger, context: SecureContext, pollMs: number) {
    this.#files = files
    this.#logger = logger
    this.#context = context
    for (const file of [files.cert, files.key]) {
      watchFile(file, { interval: pollMs, persistent: false }, this.#onChange)
    }
  }

  /** Rejects with an error that names the files if they cannot be used. Close it. */
  static async load(files: TlsFiles, logger: Logger, pollMs: number = POLL_MS): Promise<TlsIdentity> {
    return new TlsIdentity(files, logger, await readContext(files), pollMs)
  }

  get context(): SecureContext {
    return this.#context
  }

  close(): void {
    for (const file of [this.#files.cert, this.#files.key]) unwatchFile(file, this.#onChange)
  }

  async #reload(): Promise<void> {
    try {
      this.#context = await readContext(this.#files)
      this.#logger.info({ ...this.#files }, 'the TLS certificate was read again')
    } catch (error) {
      this.#logger.warn({ err: error }, 'the TLS certificate has changed and cannot be used; the old one stays')
    }
  }
}

async function readContext({ cert, key }: TlsFiles): Promise<SecureContext> {
  try {
    const [certificate, privateKey] = await Promise.all([readFile(cert), readFile(key)])
    return createSecureContext({ cert: certificate, key: privateKey })
  } catch (cause) {
    throw new Error(`cannot use the TLS certificate ${cert} with the key ${key}: ${(cause as Error).message}`, {
      cause,
    })
  }
}
