import type { HttpResponse } from 'uWebSockets.js'
import type { DeadlineWheel, WheelEntry } from '../../exchange/deadline-wheel.ts'
import { ExchangeError } from '../../exchange/errors.ts'
import type { SpareCork } from '../spare-cork.ts'

/** For a verdict, whoever is asked. */
const VERDICT_MS = 10_000

/**
 * An upgrade that waits for a verdict on its client. States: `waiting` -> `over`: settled once, as the verdict says, as
 * `busy`, or by the client's departure, after which uWebSockets' response is gone.
 */
export class PendingUpgrade implements WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1

  readonly #res: HttpResponse
  readonly #spareCork: SpareCork
  readonly #wheel: DeadlineWheel
  readonly #settle: (error: ExchangeError | undefined, isGone: boolean) => void
  #isOver = false

  /**
   * @param verdict does not reject; undefined: the client may come in
   * @param settle called within a cork, unless the client is gone
   */
  constructor(
    verdict: Promise<ExchangeError | undefined>,
    res: HttpResponse,
    spareCork: SpareCork,
    wheel: DeadlineWheel,
    settle: (error: ExchangeError | undefined, isGone: boolean) => void,
  ) {
    this.#res = res
    this.#spareCork = spareCork
    this.#wheel = wheel
    this.#settle = settle
    wheel.schedule(this, VERDICT_MS)
    res.onAborted(() => this.#onAborted())
    void verdict.then((error) => this.#onVerdict(error))
  }

  onDeadline(): void {
    this.#onVerdict(new ExchangeError('busy', 'whoever decides who may come in did not answer in time'))
  }

  #onVerdict(error: ExchangeError | undefined): void {
    if (this.#end()) this.#spareCork.cork(this.#res, () => this.#settle(error, false))
  }

  #onAborted(): void {
    if (this.#end()) this.#settle(new ExchangeError('client_gone', 'the client did not wait for the upgrade'), true)
  }

  /** False: it was over before. */
  #end(): boolean {
    const isFirst = !this.#isOver
    this.#isOver = true
    this.#wheel.cancel(this)
    return isFirst
  }
}
