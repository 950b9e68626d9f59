import { ExchangeError } from '../../exchange/errors.ts'
import type { Identity } from '../../exchange/identity.ts'
import type { Verdict } from '../policy.ts'
import { RecentMap } from '../recent-map.ts'

export interface Decision {
  readonly verdict: Identity | ExchangeError
  /** Wall clock, since the epoch: until when it may be used again. */
  readonly untilMs: number
}

const MAX_KEPT = 10_000
const MAX_KEY_LENGTH = 8192
/** Questions on their way at once: whoever answers is in trouble then, and more of them would not help. */
const MAX_ASKING = 10_000

/** What was decided, for as long as that holds; and what is being decided, once for all that want to know the same. */
export class Decisions {
  readonly #now: () => number
  readonly #recent = new RecentMap<string, Decision>(MAX_KEPT)
  readonly #asking = new Map<string, Promise<Verdict>>()
  #askingCount = 0

  /** @param now wall clock, since the epoch */
  constructor(now: () => number) {
    this.#now = now
  }

  /** What was decided and still holds. */
  known(key: string): Identity | ExchangeError | undefined {
    const decision = this.#recent.get(key)
    return decision !== undefined && this.#holds(decision) ? decision.verdict : undefined
  }

  /**
   * @param key undefined: the decision is for this one request
   * @param decide does not reject
   */
  decide(key: string | undefined, decide: () => Promise<Decision>): Verdict | Promise<Verdict> {
    if (this.#askingCount >= MAX_ASKING) return new ExchangeError('busy', `${MAX_ASKING} questions wait for an answer`)
    if (key === undefined || key.length > MAX_KEY_LENGTH) return this.#ask(decide)
    const asking = this.#asking.get(key)
    if (asking !== undefined) return asking
    const verdict = this.#ask(async () => {
      const decision = await decide()
      if (this.#holds(decision)) this.#recent.set(key, decision)
      this.#asking.delete(key)
      return decision
    })
    this.#asking.set(key, verdict)
    return verdict
  }

  async #ask(decide: () => Promise<Decision>): Promise<Verdict> {
    this.#askingCount++
    const { verdict } = await decide()
    this.#askingCount--
    return verdict
  }

  #holds({ verdict, untilMs }: Decision): boolean {
    return this.#now() < untilMs && (verdict instanceof ExchangeError || !verdict.isExpired)
  }
}
