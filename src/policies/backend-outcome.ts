import type { ExchangeError } from '../exchange/errors.ts'
import { isDuplex, type RouteSettings } from '../exchange/route.ts'
import type { Progress } from './watched-exchange.ts'

/** What may be held against a backend: codes of errors, and `server_error` for a response with a status from 500. */
export const BACKEND_FAILURES = [
  'timeout',
  'no_responders',
  'backend_lost',
  'backend_error',
  'protocol_error',
  'gap',
  'server_error',
] as const

export type BackendFailure = (typeof BACKEND_FAILURES)[number]

/** What an exchange says of the backend; `nothing`: the backend had no part in how it went. */
export type BackendOutcome = 'success' | 'failure' | 'nothing'

/** Judges exchanges on one route. Nothing that a client can bring about by itself is held against the backend. */
export class BackendJudge {
  readonly #failures: ReadonlySet<string>
  readonly #isDuplex: boolean
  readonly #isBounded: boolean

  constructor(failures: readonly BackendFailure[], route: RouteSettings) {
    this.#failures = new Set(failures)
    this.#isDuplex = isDuplex(route)
    this.#isBounded = route.maxDurationMs > 0
  }

  /** The response begins. */
  ofHead(status: number): BackendOutcome {
    return status >= 500 && this.#failures.has('server_error') ? 'failure' : 'success'
  }

  /** The exchange is over. @param error of the backend's side, if it has reset the exchange */
  ofEnd(error: ExchangeError | undefined, progress: Progress): BackendOutcome {
    if (error === undefined || error.isOfPolicy) return 'nothing'
    switch (error.code) {
      case 'timeout':
        return this.#failures.has('timeout') && this.#isLate(progress) ? 'failure' : 'nothing'
      case 'backend_error':
      case 'internal':
        // Also how a micro service says that the request was wrong.
        if (error.status < 500) return 'success'
        return this.#failures.has('backend_error') ? 'failure' : 'nothing'
      default:
        return this.#failures.has(error.code) ? 'failure' : 'nothing'
    }
  }

  /** Whether the backend is late, and not a client that has yet to send the rest of its request, or stays for too long. */
  #isLate({ status, isRequestWhole }: Progress): boolean {
    return status === 0 && (this.#isDuplex ? !this.#isBounded : isRequestWhole)
  }
}
