import type { Clock } from './clock.ts'
import { RouterError } from './router-error.ts'

export interface RequestLimits {
  /** Ends the request, before and after its head. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the head must have come, with all waits and retries. */
  readonly deadline?: number | undefined
}

/** How long a request may live: until its caller's signal or its deadline. Both are released at its end. */
export class RequestLife {
  readonly #clock: Clock
  readonly #abort = new AbortController()
  readonly #outer: AbortSignal | undefined
  readonly #onOuterAbort = () => this.abort(this.#outer?.reason)
  readonly #deadlineAtMs: number | undefined
  readonly #timer: unknown

  constructor({ signal, deadline }: RequestLimits, clock: Clock) {
    this.#clock = clock
    this.#outer = signal
    if (signal?.aborted) this.abort(signal.reason)
    signal?.addEventListener('abort', this.#onOuterAbort)
    if (deadline === undefined) return
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
    return this.#deadlineAtMs && Math.max(1, Math.ceil(this.#deadlineAtMs - this.#clock.now()))
  }

  abort(reason: unknown): void {
    this.#abort.abort(reason)
    this.end()
  }

  /** The head has come: the deadline no longer counts. */
  headed(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  end(): void {
    this.headed()
    this.#outer?.removeEventListener('abort', this.#onOuterAbort)
  }
}
