import type { DeadlineWheel } from '../exchange/deadline-wheel.ts'
import type { ErrorCode } from '../exchange/errors.ts'
import type { ExchangeTrace } from '../exchange/trace.ts'
import type { TransportObserver } from '../exchange/transport-observer.ts'
import { peerInstance } from '../wire/peer-subject.ts'

/** Tells metrics and the trace, if there is one, how one exchange fares on its way to a backend. */
export class ExchangeWatch {
  readonly #observer: TransportObserver
  readonly #clock: DeadlineWheel
  readonly #route: string
  readonly #trace: ExchangeTrace | undefined
  readonly begunMs: number
  /** Of the OPEN that is out. */
  #publishedMs = 0
  #headed = false
  /** Since when the client takes no more; 0: it does. */
  #fullSinceMs = 0

  constructor(observer: TransportObserver, clock: DeadlineWheel, routeName: string, trace: ExchangeTrace | undefined) {
    this.#observer = observer
    this.#clock = clock
    this.#route = routeName
    this.#trace = trace
    this.begunMs = clock.now()
  }

  onPublish(): void {
    this.#publishedMs = this.#clock.now()
  }

  onFirstReply(): void {
    this.#observer.onFirstReply(this.#route, this.#clock.now() - this.#publishedMs)
  }

  /** The first reply, with which the head of the response is there: `onFirstReply` and `onHead` for one look at the clock. */
  onReply(): void {
    const nowMs = this.#clock.now()
    this.#headed = true
    this.#observer.onFirstReply(this.#route, nowMs - this.#publishedMs)
    this.#observer.onHead(this.#route, nowMs - this.begunMs)
  }

  /** @param backendSubject where the backend that took it listens */
  onAccepted(backendSubject: string): void {
    this.#trace?.onBackend(peerInstance(backendSubject))
  }

  /** May be called again: frames may come twice. */
  onHead(): void {
    if (this.#headed) return
    this.#headed = true
    this.#observer.onHead(this.#route, this.#clock.now() - this.begunMs)
  }

  /** @param attempt which OPEN it was, from 1 */
  onNoResponders(attempt: number): void {
    this.#observer.onNoResponders(this.#route)
    this.#trace?.onEvent('no responders', { attempt })
  }

  onRefused(attempt: number, code: ErrorCode): void {
    this.#trace?.onEvent('refused', { code, attempt })
  }

  onRetry(attempt: number): void {
    this.#trace?.onEvent('retry', { attempt })
  }

  /** Whether the client takes no more right now; may be told again. */
  onFullness(isFull: boolean): void {
    if (isFull === this.#fullSinceMs > 0) return
    const nowMs = this.#clock.now()
    if (isFull) this.#observer.onClientFull(this.#route)
    else this.#observer.onClientDrained(this.#route, nowMs - this.#fullSinceMs)
    this.#fullSinceMs = isFull ? nowMs : 0
  }
}
