import { ExchangeError } from '../exchange/errors.ts'
import type { ReportError } from './handler.ts'

const EVERY_MS = 10_000

export interface RefusalReportOptions {
  readonly maxConcurrent: number
  readonly onError: ReportError
}

/**
 * Tells the owner of a service that it refuses exchanges, which routers alone would know: with the first, and then once
 * in ten seconds, with how many there were, until it is stopped.
 */
export class RefusalReport {
  readonly #options: RefusalReportOptions
  #untold = 0
  /** Runs for ten seconds after each report. */
  #timer: NodeJS.Timeout | undefined

  constructor(options: RefusalReportOptions) {
    this.#options = options
  }

  /** @param code of `draining` there is nothing to tell */
  onRefused(code: 'busy' | 'draining'): void {
    if (code !== 'busy') return
    this.#untold++
    if (this.#timer === undefined) this.#tell()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #onInterval(): void {
    this.#timer = undefined
    if (this.#untold > 0) this.#tell()
  }

  #tell(): void {
    const { maxConcurrent, onError } = this.#options
    const what = this.#untold === 1 ? 'an exchange was' : `${this.#untold} exchanges were`
    this.#untold = 0
    this.#timer = setTimeout(() => this.#onInterval(), EVERY_MS)
    // No reason for a process to go on.
    this.#timer.unref()
    onError(new ExchangeError('busy', `${what} refused: maxConcurrent is ${maxConcurrent}, and as many run`), undefined)
  }
}
