import { ExchangeError } from '../exchange/errors.ts'
import type { ReportError } from './handler.ts'

const EVERY_MS = 10_000

export interface RefusalReportOptions {
  readonly maxConcurrent: number
  readonly onError: ReportError
  readonly now: () => number
}

/**
 * Tells the owner of a service that it refuses exchanges, which routers alone would know: with the first, and then once
 * in ten seconds, with how many there were.
 */
export class RefusalReport {
  readonly #options: RefusalReportOptions
  #reportedAtMs = -Infinity
  #untold = 0

  constructor(options: RefusalReportOptions) {
    this.#options = options
  }

  /** @param code of `draining` there is nothing to tell */
  onRefused(code: 'busy' | 'draining'): void {
    if (code !== 'busy') return
    const { maxConcurrent, onError, now } = this.#options
    this.#untold++
    if (now() - this.#reportedAtMs < EVERY_MS) return
    const refused = this.#untold
    this.#untold = 0
    this.#reportedAtMs = now()
    const what = refused === 1 ? 'an exchange was' : `${refused} exchanges were`
    onError(new ExchangeError('busy', `${what} refused: maxConcurrent is ${maxConcurrent}, and as many run`), undefined)
  }
}
