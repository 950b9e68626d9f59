const WINDOW_MS = 1000

export interface MessageRateLimits {
  /** 0: no limit. */
  readonly messagesPerSecond: number
  /** 0: no limit. */
  readonly bytesPerSecond: number
}

interface Clock {
  /** In milliseconds, from any origin. */
  now(): number
}

/**
 * What one connection sends. Looks at the clock only when a second's worth is used up, so that whoever stays within it
 * costs two additions a message. After a quiet time up to two seconds' worth may come at once.
 */
export class MessageRate {
  readonly #limits: MessageRateLimits
  readonly #clock: Clock
  #sinceMs: number
  #messages = 0
  #bytes = 0

  constructor(limits: MessageRateLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#sinceMs = clock.now()
  }

  /** Of what there was too much in the last second; undefined: of nothing. */
  take(messages: number, bytes: number): 'messages_per_second' | 'bytes_per_second' | undefined {
    const { messagesPerSecond, bytesPerSecond } = this.#limits
    this.#messages += messages
    this.#bytes += bytes
    const tooMany = messagesPerSecond > 0 && this.#messages > messagesPerSecond
    if (!tooMany && (bytesPerSecond === 0 || this.#bytes <= bytesPerSecond)) return undefined
    const now = this.#clock.now()
    if (now - this.#sinceMs < WINDOW_MS) return tooMany ? 'messages_per_second' : 'bytes_per_second'
    this.#sinceMs = now
    // A single message may be larger than a second's worth.
    this.#messages = messages
    this.#bytes = bytes
    return undefined
  }
}
