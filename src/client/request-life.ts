import type { Clock } from './clock.ts'
import { RouterError } from './router-error.ts'

/** A timer runs no longer: a later one would go off at once. */
const MAX_DEADLINE_MS = 2 ** 31 - 1

export interface RequestLimits {
  /** Ends the request, before and after its head. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the head must have come, with all waits and retries. */
  readonly deadline?: number | undefined
}

/** How long a request may live: until its caller's signal, its deadline or the end of the client. */
export class RequestLife {
  readonly #clock: Clock
  readonly #lives: Set<RequestLife>
  readonly #abort = new AbortController()
  readonly #outer: AbortSignal | undefined
  readonly #onOuterAbort = () => this.abort(this.#outer?.reason)
  readonly #deadlineAtMs: number | undefined
  readonly #timer: unknown

  /** @param lives of all requests of the client: it is one of them until its end */
  constructor({ signal, deadline }: RequestLimits, clock: Clock, lives: Set<RequestLife>) {
    if (deadline !== undefined && !(deadline >= 0 && deadline <= MAX_DEADLINE_MS))
      throw new RangeError(`a deadline is milliseconds from 0 to ${MAX_DEADLINE_MS}: ${deadline}`)
    this.#clock = clock
    this.#lives = lives
    lives.add(this)
    this.#outer = signal
    if (signal?.aborted) this.abort(signal.reason)
    else signal?.addEventListener('abort', this.#onOuterAbort)
    if (deadline === undefined || this.signal.aborted) return
    this.#deadlineAtMs = clock.now() + deadline
    this.#timer = clock.setTimeout(
      () => this.abort(new RouterError('timeout', `no response within ${deadline} ms`, { status: 504 })),
      deadline,
    )
  }

  /** Aborts with the reason for which the request is over. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Milliseconds, whole, 1 at least. */
  get remainingMs(): number | undefined {
    if (this.#deadlineAtMs === undefined) return undefined
    return Math.max(1, Math.ceil(this.#deadlineAtMs - this.#clock.now()))
  }

  abort(reason: unknown): void {
    this.#abort.abort(reason)
    this.end()
  }

  /** The head has come: the deadline no longer counts. */
  headed(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  /** Releases all that it holds. */
  end(): void {
    this.headed()
    this.#lives.delete(this)
    this.#outer?.removeEventListener('abort', this.#onOuterAbort)
  }
}
