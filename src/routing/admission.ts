import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { RouteService } from '../exchange/route.ts'

/** How long turns have to be too long, one and all, before requests are refused. */
const PATIENCE_MS = 200
/** Of the time that long turns take, the part that has to be work of our own: else others keep the machine busy. */
const OWN_PART = 1 / 2
/** The part of the longest turn that is for serving while others are refused: what waits is to become less. */
const SHEDDING_PART = 1 / 4
/** Nothing was refused for so long: there is room again. */
const RECOVERY_MS = 1000

export interface AdmissionOptions {
  /**
   * For how long the requests of one turn of the event loop may keep it, turn after turn, with all that happens between
   * the first of them and the end of the turn; 0: any time.
   */
  readonly maxLoopDelayMs: number
  /** Never goes back. */
  readonly now: () => number
  /** For how long this thread has been working, of all time. */
  readonly workedMs: () => number
  /** Calls back once the turn of the event loop is over: `setImmediate`. */
  readonly afterTurn: (callback: () => void) => void
  readonly onChange: (isShedding: boolean) => void
}

/**
 * Refuses requests while there are more than the router can serve. What it cannot serve waits in sockets, where it
 * cannot be seen, but makes each turn of the event loop longer: a request that is read has waited for about one turn.
 * Turns that are long because others have the machine are no reason: refusing would not make them shorter.
 *
 * States: `calm` until turns have been too long for a while without a short one between them -> `shedding`, where each
 * turn serves what comes first and refuses the rest, at a fraction of its cost -> `calm` once nothing was refused for a
 * while. Where many clients try again at once, refusing takes long as well: as much time goes to serving then.
 */
export class Admission {
  readonly #options: AdmissionOptions
  readonly #minServingMs: number
  readonly #error: ExchangeError
  readonly #onTurnEnd = () => this.#endTurn()
  #inTurn = false
  /** When the first request of the turn came. */
  #turnMs = 0
  /** A request that comes first in its turn, and as late, has not waited: what was too much before has been served. */
  #calmMs = 0
  /** Since when turns are too long; undefined: the last one was not. */
  #longSinceMs: number | undefined
  /** After the first of them. */
  #longTurns = 0
  #workedBeforeMs = 0
  #isShedding = false
  /** Of each turn, while it sheds. */
  #servingMs: number
  /** Whether what comes in this turn is refused. */
  #isRefusing = false
  /** Since when, now or the last time. */
  #refusedMs = 0
  #refused = 0

  constructor(options: AdmissionOptions) {
    this.#options = options
    this.#minServingMs = options.maxLoopDelayMs * SHEDDING_PART
    this.#servingMs = this.#minServingMs
    // One for all: a stack for each would cost more than the refusal.
    this.#error = new ExchangeError('busy', 'the router has more requests than it can serve')
  }

  /** False also when nothing has come for a while, which no request was there to notice. */
  get isShedding(): boolean {
    return this.#isShedding && this.#options.now() - this.#refusedMs < RECOVERY_MS
  }

  /** Requests that were. */
  get refused(): number {
    return this.#refused
  }

  /** Goes around all else that serves a route, so that a refusal costs nothing more. */
  protect(service: RouteService): RouteService {
    if (this.#options.maxLoopDelayMs === 0) return service
    const { dispatch } = service
    return {
      ...service,
      dispatch: (request, client) => {
        if (this.#admits()) return dispatch(request, client)
        client.reset(this.#error)
        return CLOSED_SIDE
      },
    }
  }

  #admits(): boolean {
    if (!this.#inTurn) {
      this.#inTurn = true
      this.#turnMs = this.#options.now()
      if (this.#turnMs >= this.#calmMs) this.#longSinceMs = undefined
      this.#options.afterTurn(this.#onTurnEnd)
      return true
    }
    if (!this.#isShedding) return true
    if (!this.#isRefusing) {
      const nowMs = this.#options.now()
      if (nowMs - this.#turnMs <= this.#servingMs) return true
      this.#isRefusing = true
      this.#refusedMs = nowMs
    }
    this.#refused++
    return false
  }

  #endTurn(): void {
    this.#inTurn = false
    const nowMs = this.#options.now()
    this.#calmMs = nowMs + (nowMs - this.#turnMs) + PATIENCE_MS
    const { maxLoopDelayMs } = this.#options
    if (this.#isRefusing) {
      this.#isRefusing = false
      this.#servingMs = Math.min(Math.max(nowMs - this.#refusedMs, this.#minServingMs), maxLoopDelayMs)
    } else if (this.#isShedding) {
      if (nowMs - this.#refusedMs >= RECOVERY_MS) this.#change(false)
    } else if (nowMs - this.#turnMs < maxLoopDelayMs) {
      this.#longSinceMs = undefined
    } else {
      this.#onLongTurn(nowMs)
    }
  }

  #onLongTurn(nowMs: number): void {
    const { workedMs, maxLoopDelayMs } = this.#options
    if (this.#longSinceMs === undefined) {
      this.#longSinceMs = this.#turnMs
      this.#longTurns = 0
      this.#workedBeforeMs = workedMs()
      return
    }
    this.#longTurns++
    if (nowMs - this.#longSinceMs < PATIENCE_MS) return
    const workOfTurnMs = (workedMs() - this.#workedBeforeMs) / this.#longTurns
    this.#longSinceMs = undefined
    if (workOfTurnMs < maxLoopDelayMs * OWN_PART) return
    this.#refusedMs = nowMs
    this.#change(true)
  }

  #change(isShedding: boolean): void {
    this.#isShedding = isShedding
    this.#longSinceMs = undefined
    this.#options.onChange(isShedding)
  }
}
