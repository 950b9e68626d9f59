import type { DeadlineWheel, WheelEntry } from '../../exchange/deadline-wheel.ts'

/** uWebSockets cuts by itself what is slow for 8 to 12 seconds, unless it is told otherwise before. */
const TICK_MS = 4000

/** How slow a client may be. */
export interface TransferLimits {
  /** For how long it may send or take too little. */
  readonly stallTimeoutMs: number
  /** That it must send of a body, on average over that time. */
  readonly minBodyBytesPerSecond: number
}

/** The two directions of an exchange of HTTP, as far as they can be slow. */
export interface Transfer {
  /** Of the body, so far. */
  readonly bytesIn: number
  /** Whether more of the body is to come, and whether that waits for the backend. */
  readonly bodyState: 'coming' | 'held' | 'whole'
  /** The client has yet to take what was written. */
  readonly isFull: boolean
  /** Starts uWebSockets' own timer again. */
  holdOpen(): void
  onSlowBody(): void
  onSlowReader(): void
}

/**
 * Ends an exchange whose client sends a body too slowly, or takes nothing of a response. There is one only for as long as
 * either goes on, and it holds uWebSockets' own timer off, which asks for 16 KiB a second and cannot be set.
 */
export class TransferWatch implements WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1

  readonly #wheel: DeadlineWheel
  readonly #limits: TransferLimits
  readonly #transfer: Transfer
  /** Since when the body is measured, and what there was of it. */
  #bodySinceMs: number
  #bodyBytes = 0
  /** When the client has last taken something. */
  #takenMs: number

  constructor(wheel: DeadlineWheel, limits: TransferLimits, transfer: Transfer) {
    this.#wheel = wheel
    this.#limits = limits
    this.#transfer = transfer
    this.#bodySinceMs = wheel.now()
    this.#takenMs = this.#bodySinceMs
  }

  /** From now on, if it does not already. */
  start(): void {
    if (this.wheelSlot >= 0) return
    this.#measureBody()
    this.onTaken()
    this.#schedule()
  }

  stop(): void {
    this.#wheel.cancel(this)
  }

  /** The client has taken something of what was written. */
  onTaken(): void {
    this.#takenMs = this.#wheel.now()
  }

  onDeadline(): void {
    const transfer = this.#transfer
    const { stallTimeoutMs, minBodyBytesPerSecond } = this.#limits
    const now = this.#wheel.now()
    if (transfer.bodyState === 'whole' && !transfer.isFull) return
    if (transfer.bodyState !== 'coming') this.#measureBody()
    else if (now - this.#bodySinceMs >= stallTimeoutMs) {
      const least = Math.max(1, (minBodyBytesPerSecond * (now - this.#bodySinceMs)) / 1000)
      if (transfer.bytesIn - this.#bodyBytes < least) {
        transfer.onSlowBody()
        return
      }
      this.#measureBody()
    }
    if (!transfer.isFull) this.onTaken()
    else if (now - this.#takenMs >= stallTimeoutMs) {
      transfer.onSlowReader()
      return
    }
    // First: it may be over with what it does.
    this.#schedule()
    transfer.holdOpen()
  }

  #measureBody(): void {
    this.#bodySinceMs = this.#wheel.now()
    this.#bodyBytes = this.#transfer.bytesIn
  }

  #schedule(): void {
    this.#wheel.schedule(this, Math.min(TICK_MS, this.#limits.stallTimeoutMs))
  }
}
