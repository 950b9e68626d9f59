import { readFile, stat } from 'node:fs/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Logger } from '../../exchange/logger.ts'

/** PEM files. */
export interface TlsFiles {
  /** The certificate, and those between it and a root. */
  readonly cert: string
  readonly key: string
}

/** Asked for, not told of: of files that are links, or on a network, the system tells no change. */
const POLL_MS = 5000

/**
 * Who we are to clients of TLS. Reads the files again when they change: connections that come later get the new
 * certificate. A change that cannot be used, as between the two writes of a new pair, is logged and leaves the old one.
 */
export class TlsIdentity {
  readonly #files: TlsFiles
  readonly #logger: Logger
  readonly #timer: NodeJS.Timeout
  #context: SecureContext
  #version: string
  #isPolling = false

  private constructor(files: TlsFiles, logger: Logger, context: SecureContext, version: string, pollMs: number) {
    this.#files = files
    this.#logger = logger
    this.#context = context
    this.#version = version
    this.#timer = setInterval(() => void this.#poll(), pollMs).unref()
  }

  /** Rejects with an error that names the files if they cannot be used. Close it. */
  static async load(files: TlsFiles, logger: Logger, pollMs: number = POLL_MS): Promise<TlsIdentity> {
    // Before they are read: a change in between is found by the first poll.
    const version = await versionOf(files)
    return new TlsIdentity(files, logger, await readContext(files), version, pollMs)
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
    const version = await versionOf(this.#files)
    if (version !== this.#version) {
      this.#version = version
      await this.#reload()
    }
    this.#isPolling = false
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

/** Another text when one of the files is another; never rejects. */
async function versionOf({ cert, key }: TlsFiles): Promise<string> {
  try {
    const stats = await Promise.all([cert, key].map((file) => stat(file, { bigint: true })))
    return stats.map(({ ino, size, mtimeNs }) => `${ino} ${size} ${mtimeNs}`).join(', ')
  } catch (error) {
    return (error as Error).message
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
