import type { Route } from '../exchange/route.ts'

/** Pauses before OPEN is sent again; the last one repeats while a request is held. */
const DELAYS_MS = [50, 150, 250]
/** A server with peers may say 503 falsely just after a subscription elsewhere; one without never does. */
const CLUSTER_RETRIES = 2
/** How often a backend that is busy or drains is passed over for another. */
const REFUSED_RETRIES = 2

/** The OPENs of one exchange that were in vain, and when the next one is due. Made for the first of them. */
export class OpenAttempts {
  readonly #random: () => number
  #unheard = 0
  #refused = 0
  /** Until when a request without responders is held. */
  #holdUntilMs: number | undefined

  /** @param random 0 to 1; spreads the delays */
  constructor(random: () => number) {
    this.#random = random
  }

  get count(): number {
    return this.#unheard + this.#refused
  }

  /** Nobody got it. Milliseconds until it is sent again; undefined: never. */
  onNoResponders(
    { noResponderRetries, holdMs }: Pick<Route, 'noResponderRetries' | 'holdMs'>,
    isClustered: boolean,
    nowMs: number,
  ): number | undefined {
    this.#holdUntilMs ??= nowMs + holdMs
    const retries = noResponderRetries ?? (isClustered ? CLUSTER_RETRIES : 0)
    if (this.#unheard >= retries && nowMs >= this.#holdUntilMs) return undefined
    return this.#delayMs(this.#unheard++)
  }

  /** A backend has refused before it processed anything. */
  onRefused(): number | undefined {
    return this.#refused < REFUSED_RETRIES ? this.#delayMs(this.#refused++) : undefined
  }

  #delayMs(attempt: number): number {
    return DELAYS_MS[Math.min(attempt, DELAYS_MS.length - 1)]! * (0.75 + this.#random() / 2)
  }
}
