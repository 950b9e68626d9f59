import type { ExchangeError } from '../exchange/errors.ts'
import type { Logger } from '../exchange/logger.ts'
import type { BackendJudge, BackendOutcome } from './backend-outcome.ts'
import { SlidingCounts } from './sliding-counts.ts'
import type { ExchangeWatcher, Progress } from './watched-exchange.ts'

export interface CircuitOptions {
  /** The name of its route. */
  readonly route: string
  /** Of failures among all, from which on it opens; up to 1. */
  readonly failureRatio: number
  /** Fewer say nothing. */
  readonly minExchanges: number
  readonly windowMs: number
  readonly openForMs: number
  readonly judge: BackendJudge
  readonly logger: Logger
  /** Milliseconds from any origin, never going back. */
  readonly now: () => number
}

/** A trial that has no outcome after this long does not keep others from trying: its client may be what it waits for. */
const TRIAL_MS = 1000

/**
 * Whether the backend of a route is spared. States: `closed` -> `open` too much has failed of late -> `half-open` its time
 * is over, and one exchange tries -> `closed` that went well, or `open` again. What began before a change of state says
 * nothing after it.
 */
export class Circuit {
  readonly route: string
  readonly #options: CircuitOptions
  readonly #counts: SlidingCounts
  #state: 'closed' | 'open' | 'half-open' = 'closed'
  /** Of `open` and `half-open`: until then nobody tries. */
  #untilMs = 0
  #watcher: ExchangeWatcher

  constructor(options: CircuitOptions) {
    this.route = options.route
    this.#options = options
    this.#counts = new SlidingCounts(options.windowMs)
    this.#watcher = this.#watch()
  }

  /** Exchanges are refused, all or but for a trial. */
  get isOpen(): boolean {
    return this.#state !== 'closed'
  }

  /** Of the exchange that begins now. */
  get watcher(): ExchangeWatcher {
    return this.#watcher
  }

  /** 0: an exchange may begin, and does. Else the milliseconds until one may. */
  enter(): number {
    if (this.#state === 'closed') return 0
    const nowMs = this.#options.now()
    if (nowMs < this.#untilMs) return this.#untilMs - nowMs
    if (this.#state === 'open') {
      this.#change('half-open')
      this.#options.logger.info({ route: this.route }, 'the circuit is half-open: one exchange tries the backend')
    }
    this.#untilMs = nowMs + TRIAL_MS
    return 0
  }

  onOutcome(from: ExchangeWatcher, outcome: BackendOutcome): void {
    if (from !== this.#watcher) return
    const nowMs = this.#options.now()
    if (this.#state === 'closed') this.#count(nowMs, outcome)
    else if (outcome === 'success') this.#close()
    else if (outcome === 'failure') this.#open(nowMs)
    else this.#untilMs = nowMs
  }

  #count(nowMs: number, outcome: BackendOutcome): void {
    if (outcome === 'nothing') return
    this.#counts.add(nowMs, outcome === 'failure')
    if (outcome === 'success') return
    const { exchanges, failures } = this.#counts
    const { minExchanges, failureRatio } = this.#options
    if (exchanges >= minExchanges && failures >= exchanges * failureRatio) this.#open(nowMs)
  }

  #open(nowMs: number): void {
    const { exchanges, failures } = this.#counts
    const { openForMs, logger } = this.#options
    const why = this.#state === 'closed' ? { exchanges, failures } : { trial: 'failed' }
    this.#change('open')
    this.#untilMs = nowMs + openForMs
    logger.warn({ route: this.route, ...why, openForMs }, 'the circuit is open: the backend is spared')
  }

  #close(): void {
    this.#change('closed')
    this.#counts.clear()
    this.#options.logger.info({ route: this.route }, 'the circuit is closed: the backend answers again')
  }

  #change(state: 'closed' | 'open' | 'half-open'): void {
    this.#state = state
    this.#watcher = this.#watch()
  }

  #watch(): ExchangeWatcher {
    return new CircuitWatcher(this, this.#options.judge)
  }
}

class CircuitWatcher implements ExchangeWatcher {
  readonly #circuit: Circuit
  readonly #judge: BackendJudge

  constructor(circuit: Circuit, judge: BackendJudge) {
    this.#circuit = circuit
    this.#judge = judge
  }

  onHead(status: number): void {
    this.#circuit.onOutcome(this, this.#judge.ofHead(status))
  }

  onOver(error: ExchangeError | undefined, progress: Progress): void {
    this.#circuit.onOutcome(this, this.#judge.ofEnd(error, progress))
  }
}
