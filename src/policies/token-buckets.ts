/** How fast a bucket fills, and how much it holds. */
export interface BucketSize {
  /** For one token to come. */
  readonly tokenMs: number
  readonly tokens: number
}

/** Sums of fractions may come out a little short of the whole. */
function roundingMs(tokenMs: number): number {
  return Math.min(0.001, tokenMs / 100)
}

/**
 * A token bucket in one number: the moment at which it is full again. Each token taken moves that on by what one takes to
 * come, so that nothing has to be filled in between (the generic cell rate algorithm, ITU-T I.371).
 */
export class TokenBucket {
  readonly key: string
  fullAtMs = 0

  constructor(key: string) {
    this.key = key
  }

  /** @returns 0 if a token was taken, else the milliseconds until there is one */
  take(nowMs: number, { tokenMs, tokens }: BucketSize): number {
    const fullAtMs = Math.max(this.fullAtMs, nowMs) + tokenMs
    const waitMs = fullAtMs - nowMs - tokens * tokenMs
    if (waitMs > roundingMs(tokenMs)) return waitMs
    this.fullAtMs = fullAtMs
    return 0
  }

  /** Whole tokens in it. */
  left(nowMs: number, { tokenMs, tokens }: BucketSize): number {
    return Math.floor(tokens - Math.max(0, this.fullAtMs - nowMs - roundingMs(tokenMs)) / tokenMs)
  }
}

/** Looked at for each new bucket. */
const SWEEP_STEPS = 8

/**
 * The buckets of many clients, of which at most `maxBuckets` are kept.
 *
 * A full bucket says no more than none. So each new client has a few others looked at, round and round, and those that are
 * full dropped: there are hardly more than owe something. At the bound the one goes that owes least of those few. A flood
 * of clients with one request each so drives out its own and no client that has taken much, unless as many others have
 * taken more.
 */
export class TokenBuckets {
  readonly #maxBuckets: number
  readonly #buckets = new Map<string, TokenBucket>()
  /** Goes on from where it was, also after changes of the map. */
  #hand = this.#buckets.values()

  constructor(maxBuckets: number) {
    this.#maxBuckets = maxBuckets
  }

  get size(): number {
    return this.#buckets.size
  }

  /** A client without a bucket gets a full one. */
  of(key: string, nowMs: number): TokenBucket {
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      this.#sweep(nowMs)
      bucket = new TokenBucket(key)
      this.#buckets.set(key, bucket)
    }
    return bucket
  }

  #sweep(nowMs: number): void {
    let least: TokenBucket | undefined
    for (let i = 0; i < SWEEP_STEPS; i++) {
      const { value, done } = this.#hand.next()
      if (done === true) this.#hand = this.#buckets.values()
      else if (value.fullAtMs <= nowMs) this.#buckets.delete(value.key)
      else if (least === undefined || value.fullAtMs < least.fullAtMs) least = value
    }
    if (least !== undefined && this.#buckets.size >= this.#maxBuckets) this.#buckets.delete(least.key)
  }
}
