import type { Logger } from '../exchange/logger.ts'

/** A collector that comes and goes is told of no more often. */
const QUIET_MS = 10_000

export interface CollectorHealthOptions {
  readonly logger: Logger
  /** Milliseconds from any origin, never going back. */
  readonly now: () => number
}

/**
 * Says once that spans are lost, and once that it is over. States: `well` -> `complained` spans are lost -> `well` some
 * are taken. What is lost within ten seconds of the last complaint is counted, and told with the next.
 */
export class CollectorHealth {
  readonly #options: CollectorHealthOptions
  #state: 'well' | 'complained' = 'well'
  #complainedAtMs = -Infinity
  #lost = 0
  #isFailing = false

  constructor(options: CollectorHealthOptions) {
    this.#options = options
  }

  /** The last attempt to send failed. */
  get isFailing(): boolean {
    return this.#isFailing
  }

  /** @param cause of a batch that was not sent; undefined: there was no room for these spans */
  onLost(spans: number, cause?: unknown): void {
    const { logger, now } = this.#options
    if (cause !== undefined) this.#isFailing = true
    this.#lost += spans
    if (this.#state === 'complained' || now() - this.#complainedAtMs < QUIET_MS) return
    this.#state = 'complained'
    this.#complainedAtMs = now()
    const reason = cause === undefined ? 'it does not keep up' : reasonOf(cause)
    logger.warn({ spans: this.#lost }, `tracing: the collector does not take spans, which are lost: ${reason}`)
  }

  onTaken(): void {
    this.#isFailing = false
    if (this.#state === 'well') return
    this.#options.logger.info({ lost: this.#lost }, 'tracing: the collector takes spans again')
    this.#state = 'well'
    this.#lost = 0
  }
}

/** One line, and no stack: it is the network's fault, or the collector's. */
export function reasonOf(error: unknown): string {
  // A refused connection to a name with several addresses has no message of its own.
  if (error instanceof AggregateError && error.message === '') return reasonOf(error.errors[0])
  return (error instanceof Error ? error.message || error.name : String(error)).replaceAll(/\s+/g, ' ')
}
