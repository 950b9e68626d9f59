import { hash } from 'node:crypto'
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
/** Of a longer key a hash is kept: it is made of what strangers send. */
const MAX_KEY_LENGTH = 512
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

  /** Whom decisions that are kept let in. */
  *identities(): Iterable<Identity> {
    for (const { verdict } of this.#recent.values()) if (!(verdict instanceof ExchangeError)) yield verdict
  }

  /** What was decided and still holds. */
  known(key: string): Identity | ExchangeError | undefined {
    const decision = this.#recent.get(shorten(key))
    return decision !== undefined && this.#holds(decision) ? decision.verdict : undefined
  }

  /**
   * @param key JSON, which is never the same as the hash of another; undefined: the decision is for this one request
   * @param decide does not reject
   */
  decide(key: string | undefined, decide: () => Promise<Decision>): Verdict | Promise<Verdict> {
    if (this.#askingCount >= MAX_ASKING) return new ExchangeError('busy', `${MAX_ASKING} questions wait for an answer`)
    if (key === undefined) return this.#ask(decide)
    const short = shorten(key)
    const asking = this.#asking.get(short)
    if (asking !== undefined) return asking
    const verdict = this.#ask(async () => {
      try {
        const decision = await decide()
        if (this.#holds(decision)) this.#recent.set(short, decision)
        return decision
      } finally {
        this.#asking.delete(short)
      }
    })
    this.#asking.set(short, verdict)
    return verdict
  }

  async #ask(decide: () => Promise<Decision>): Promise<Verdict> {
    this.#askingCount++
    try {
      return (await decide()).verdict
    } finally {
      this.#askingCount--
    }
  }

  #holds({ verdict, untilMs }: Decision): boolean {
    return this.#now() < untilMs && (verdict instanceof ExchangeError || !verdict.isExpired)
  }
}

function shorten(key: string): string {
  return key.length <= MAX_KEY_LENGTH ? key : hash('sha256', key)
}
