import type { StreamOptions } from './stream-options.ts'

/** A peer that says nothing for this long is asked; */
const PING_AFTER_MS = 10_000
/** and one that says nothing for this long is dead. */
const DEAD_AFTER_MS = 30_000
/** A sender that waits for credit asks sooner, in case a message of credit was lost. */
const BLOCKED_PING_MS = 1000
/** After a loss of NATS the peer may need longer to return than we did: it is asked so often, */
const RETURN_PING_MS = 1000
/** and for so long nobody being there says nothing. Whoever is out for longer gives up by itself. */
const RETURN_MS = 10_000

/**
 * When one end of a stream asks its peer whether it is there, and when it takes it for dead. Pure: told of what happens,
 * asked what is due.
 *
 * States: `up` -> `down` NATS is lost -> `returning` NATS is back, and the peer has not been heard since -> `up`.
 */
export class Pulse {
  readonly #clock: Pick<StreamOptions, 'now'>
  #state: 'up' | 'down' | 'returning' = 'up'
  #returnedAtMs = 0
  #heardAtMs: number
  #pingedAtMs: number
  /** Undefined: nothing waits for credit. */
  #blockedSinceMs: number | undefined
  /** The last frame that a ping or pong has told the peer of. */
  #toldSeq = 0

  constructor(clock: Pick<StreamOptions, 'now'>) {
    this.#clock = clock
    this.#heardAtMs = clock.now()
    this.#pingedAtMs = this.#heardAtMs
  }

  /** Nothing that has a number may be sent: nobody may be there to get it. */
  get isQuiet(): boolean {
    return this.#state !== 'up'
  }

  /** Nothing at all can be sent. */
  get isDown(): boolean {
    return this.#state === 'down'
  }

  /** Whether nobody being there means that the peer has not returned yet. */
  get awaitsReturn(): boolean {
    return this.isDown || (this.#state === 'returning' && this.#clock.now() - this.#returnedAtMs < RETURN_MS)
  }

  get silentMs(): number {
    return this.#clock.now() - this.#heardAtMs
  }

  get isDead(): boolean {
    return this.silentMs >= DEAD_AFTER_MS
  }

  onDown(): void {
    this.#state = 'down'
  }

  /** @returns false if NATS was not lost */
  onReturn(): boolean {
    if (!this.isDown) return false
    this.#state = 'returning'
    this.#returnedAtMs = this.#clock.now()
    this.#heardAtMs = this.#returnedAtMs
    return true
  }

  /** @returns whether the peer has returned with that */
  onHeard(): boolean {
    this.#heardAtMs = this.#clock.now()
    if (this.#state !== 'returning') return false
    this.#state = 'up'
    return true
  }

  /** @param seq of the last frame that we have sent */
  onTold(seq: number, by: 'ping' | 'pong'): void {
    this.#toldSeq = seq
    if (by === 'ping') this.#pingedAtMs = this.#clock.now()
  }

  onFlowing(): void {
    this.#blockedSinceMs = undefined
  }

  onBlocked(): void {
    this.#blockedSinceMs ??= this.#clock.now()
  }

  /**
   * @param sentSeq of the last frame that we have sent
   * @returns milliseconds until the peer is to be asked; 0 or less: now
   */
  dueMs(sentSeq: number): number {
    const now = this.#clock.now()
    // A peer that speaks itself does not ask us: we say what we have sent, or the loss of the last of it went unseen.
    const isUntold = this.isQuiet || sentSeq > this.#toldSeq
    const since = this.#blockedSinceMs ?? (isUntold ? 0 : this.#heardAtMs)
    return this.everyMs - (now - Math.max(since, this.#pingedAtMs))
  }

  /** How often it is to be asked as things are. */
  get everyMs(): number {
    if (this.isDown) return PING_AFTER_MS
    if (this.isQuiet) return RETURN_PING_MS
    return this.#blockedSinceMs === undefined ? PING_AFTER_MS : BLOCKED_PING_MS
  }
}
