import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { Gate } from '../exchange/gate.ts'
import type { RouteService } from '../exchange/route.ts'

/** How long turns have to be too long, one and all, before requests are refused. */
const PATIENCE_MS = 500
/**
 * Of the time that long turns take, the part that has to be work of our own: else others keep the machine busy. Less than a
 * container may have of a processor.
 */
const OWN_PART = 1 / 5
/** Of the longest turn: how long requests are to wait while others are refused. */
const TARGET_PART = 1 / 4
/** Of all requests, how much more are refused for each second that they wait too long, and in each second in which they do. */
const PER_SECOND_TOO_LONG = 5
const PER_SECOND_SQUARED = 10
/** Never all of them: where many clients try again at once, refusing could take all of the time. */
const MAX_REFUSED_PART = 0.85
/** In which the part falls to a third, once nothing waits to speak of. */
const DECAY_S = 0.25
/** Nothing was refused for so long: there is room again. */
const RECOVERY_MS = 1000
/** For so long nothing is refused, to see whether it has to be; from one such trial to the next, at first and at most. */
const TRIAL_MS = 500
const FIRST_TRIAL_MS = 5000
const LAST_TRIAL_MS = 60_000
/** After how many requests the clock is read again, within a turn. */
const CLOCK_EVERY = 64
/** So many of the longest turns in one: it is judged before it is over, which may be long in coming. */
const CUT_AFTER = 4

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
  /** Calls back when the event loop has come to what was ready at this moment: sooner, see `SocketRound`. */
  readonly afterRound: (callback: () => void) => void
  /** From 0 to 1: chance decides who is refused, as in a fixed order it would always be the same ones. */
  readonly random: () => number
  readonly onChange: (isShedding: boolean) => void
}

/**
 * Refuses requests while there are more than the router can serve. What it cannot serve waits in sockets, where it
 * cannot be seen, but makes each turn of the event loop longer: a request that is read has waited for about one turn.
 * Turns that are long because others have the machine are no reason: refusing would not make them shorter.
 *
 * States: `calm` until turns have been too long for a while without a short one between them -> `shedding`, where the wait
 * is measured in rounds, and as many requests are refused, at a fraction of what they cost, as keep it short: a controller
 * of the kind of PIE (RFC 8033) -> `calm` once nothing was refused for a while. It would go on for ever where requests wait for
 * longer than it aims at, and not for too long: at times it tries what comes of refusing none.
 */
export class Admission implements Gate {
  readonly #options: AdmissionOptions
  readonly #targetMs: number
  /** One for all: a stack for each would cost more than the refusal. */
  readonly refusal = new ExchangeError('busy', 'the router has more requests than it can serve')
  readonly #onTurnEnd = () => this.#endTurn()
  readonly #onRoundEnd = () => this.#endRound()
  /** What ends the turn; a request that comes while there is none begins one. */
  #until: 'nothing' | 'turn' | 'round' = 'nothing'
  /** When the first request of the turn came. */
  #turnMs = 0
  /** When it was judged the last time, before its end. */
  #cutMs = 0
  /** Requests of all turns, while it is calm. */
  #ofTurn = 0
  /** A request that comes first in its turn, and as late, has not waited: what was too much before has been served. */
  #calmMs = 0
  /** Since when turns are too long; undefined: the last one was not. */
  #longSinceMs: number | undefined
  /** After the first of them. */
  #longTurns = 0
  #workedBeforeMs = 0
  #isShedding = false
  /** Of all requests, the part to refuse; and what of it the wait of the moment alone would not ask for. */
  #refusedPart = 0
  #lastingPart = 0
  /** Since when nothing is refused for a trial; 0: it is none. */
  #trialMs = 0
  #nextTrialMs = 0
  #trialGapMs = 0
  /** When one ended the shedding, the last time. */
  #trialEndMs = Number.NEGATIVE_INFINITY
  /** When the part was found out. */
  #roundMs = 0
  /** When it was more than none. */
  #refusedMs = 0
  #refused = 0

  constructor(options: AdmissionOptions) {
    this.#options = options
    this.#targetMs = options.maxLoopDelayMs * TARGET_PART
  }

  /** False also when nothing has come for a while, which no request was there to notice. */
  get isShedding(): boolean {
    return this.#isShedding && this.#options.now() - this.#refusedMs < RECOVERY_MS
  }

  /** Requests that were. */
  get refused(): number {
    return this.#refused
  }

  /**
   * Goes around all else that serves a route, so that a refusal costs nothing more: for requests that come over a
   * connection with others. Those of HTTP were asked for at the door.
   */
  protect(service: RouteService): RouteService {
    if (this.#options.maxLoopDelayMs === 0) return service
    const { dispatch } = service
    return {
      ...service,
      dispatch: (request, client) => {
        if (request.kind === 'http' || this.admits()) return dispatch(request, client)
        client.reset(this.refusal)
        return CLOSED_SIDE
      },
    }
  }

  admits(): boolean {
    if (this.#options.maxLoopDelayMs === 0) return true
    if (this.#until === 'nothing') this.#beginTurn()
    if (!this.#isShedding) {
      if (++this.#ofTurn % CLOCK_EVERY === 0) this.#cutTurn()
      return true
    }
    if (this.#refusedPart === 0 || this.#options.random() >= this.#refusedPart) return true
    this.#refused++
    return false
  }

  #beginTurn(): void {
    this.#turnMs = this.#options.now()
    this.#cutMs = this.#turnMs
    if (this.#turnMs >= this.#calmMs) this.#longSinceMs = undefined
    // Nothing came for so long that there cannot be too much.
    if (this.#isShedding && this.#turnMs - this.#roundMs >= RECOVERY_MS) this.#change(false)
    this.#until = this.#isShedding ? 'round' : 'turn'
    if (this.#isShedding) this.#options.afterRound(this.#onRoundEnd)
    else this.#options.afterTurn(this.#onTurnEnd)
  }

  /** It may be over for us before it is over. */
  #endTurn(): void {
    if (this.#until !== 'turn') return
    this.#until = 'nothing'
    const nowMs = this.#options.now()
    this.#calmMs = nowMs + (nowMs - this.#turnMs) + PATIENCE_MS
    // It is long already, and what is left of it after that no turn of its own.
    const isJudged = this.#cutMs > this.#turnMs && nowMs - this.#cutMs < this.#options.maxLoopDelayMs
    if (!isJudged) this.#judge(nowMs)
  }

  #cutTurn(): void {
    const nowMs = this.#options.now()
    if (nowMs - this.#cutMs < this.#options.maxLoopDelayMs * CUT_AFTER) return
    this.#cutMs = nowMs
    this.#judge(nowMs)
    if (this.#isShedding) this.#until = 'nothing'
  }

  /** Of a turn that has come so far, and in which nothing was refused. */
  #judge(nowMs: number): void {
    const { workedMs, maxLoopDelayMs } = this.#options
    if (nowMs - this.#turnMs < maxLoopDelayMs) {
      this.#longSinceMs = undefined
      return
    }
    if (this.#longSinceMs === undefined) {
      // All may have stood still in it, and what has come meanwhile is to be served before it counts.
      this.#longSinceMs = Math.max(this.#turnMs, nowMs - maxLoopDelayMs * CUT_AFTER)
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
    this.#roundMs = nowMs
    this.#change(true)
  }

  #endRound(): void {
    this.#until = 'nothing'
    const nowMs = this.#options.now()
    const waitMs = nowMs - this.#turnMs
    const tooLongS = (waitMs - this.#targetMs) / 1000
    const sinceS = (nowMs - this.#roundMs) / 1000
    this.#roundMs = nowMs
    if (this.#isTrial(waitMs, nowMs)) return
    if (waitMs < this.#targetMs / 2) this.#lastingPart *= Math.exp(-sinceS / DECAY_S)
    this.#lastingPart = toPart(this.#lastingPart + tooLongS * sinceS * PER_SECOND_SQUARED)
    this.#refusedPart = toPart(this.#lastingPart + tooLongS * PER_SECOND_TOO_LONG)
    if (this.#refusedPart > 0) this.#refusedMs = nowMs
    else if (nowMs - this.#refusedMs >= RECOVERY_MS) this.#change(false)
  }

  /** While it is one nothing is refused; what it has shown is drawn from it at its end. */
  #isTrial(waitMs: number, nowMs: number): boolean {
    const isTooLong = waitMs > this.#options.maxLoopDelayMs
    if (this.#trialMs === 0) {
      if (nowMs < this.#nextTrialMs || isTooLong) return false
      this.#trialMs = nowMs
      this.#refusedPart = 0
      return true
    }
    if (!isTooLong && nowMs - this.#trialMs < TRIAL_MS) return true
    this.#trialMs = 0
    if (isTooLong) {
      this.#trialGapMs = Math.min(2 * this.#trialGapMs, LAST_TRIAL_MS)
      this.#nextTrialMs = nowMs + this.#trialGapMs
      return false
    }
    this.#trialEndMs = nowMs
    this.#change(false)
    return true
  }

  #change(isShedding: boolean): void {
    this.#trialMs = 0
    if (isShedding) {
      const nowMs = this.#options.now()
      // What a trial has shown did not last.
      const isAgain = nowMs - this.#trialEndMs < LAST_TRIAL_MS
      this.#trialGapMs = isAgain ? Math.min(2 * this.#trialGapMs, LAST_TRIAL_MS) : FIRST_TRIAL_MS
      this.#nextTrialMs = nowMs + this.#trialGapMs
    }
    this.#isShedding = isShedding
    this.#refusedPart = 0
    this.#lastingPart = 0
    this.#longSinceMs = undefined
    this.#options.onChange(isShedding)
  }
}

function toPart(part: number): number {
  return Math.min(Math.max(part, 0), MAX_REFUSED_PART)
}
