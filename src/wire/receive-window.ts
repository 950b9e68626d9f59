import { FRAME_OVERHEAD_BYTES } from './frame.ts'
import type { WindowBudget } from './window-budget.ts'

/** Half of a window used up within this time is fast: with a wider one it may be faster. */
const FAST_MS = 500

/** What to do with a sequenced frame. */
export type Arrival = 'deliver' | 'duplicate' | 'gap' | 'overrun'

/**
 * The receiving half of one direction: tells what is missing, and grants more as what came is used up. What was granted
 * and is not used up yet never exceeds the window, so it bounds the memory that a peer can make us hold.
 */
export class ReceiveWindow {
  readonly #budget: WindowBudget | undefined
  readonly #firstBytes: number
  #windowBytes: number
  #granted: number
  #grantedAtMs = Number.NEGATIVE_INFINITY
  #seq = 0
  #bytes = 0
  #cost = 0
  #used = 0

  /** @param windowBytes to begin with; it grows out of the budget while it is what holds the sender up */
  constructor(windowBytes: number, budget?: WindowBudget) {
    this.#budget = budget
    this.#firstBytes = windowBytes
    this.#windowBytes = windowBytes
    this.#granted = windowBytes
  }

  /** Absolute bytes that the peer may have sent. */
  get granted(): number {
    return this.#granted
  }

  get bytes(): number {
    return this.#bytes
  }

  /** A sequenced frame has come. */
  arrive(type: 'head' | 'data' | 'end', seq: number, payloadBytes: number): Arrival {
    if (seq <= this.#seq) return 'duplicate'
    if (seq !== this.#seq + 1) return 'gap'
    this.#seq = seq
    this.#bytes += payloadBytes
    if (type !== 'end') this.#cost += payloadBytes + FRAME_OVERHEAD_BYTES
    // A head counts and needs no credit, so what it took too much is no fault of an end behind it either.
    return type === 'data' && this.#cost > this.#granted ? 'overrun' : 'deliver'
  }

  /** Whether all that the peer has sent up to here has come. */
  agrees(seq: number, bytes: number): boolean {
    return seq < this.#seq || (seq === this.#seq && bytes === this.#bytes)
  }

  /**
   * A frame that came has been used up. Gives the new credit if it is worth a message.
   * @param idle nothing else that came waits to be used
   */
  use(payloadBytes: number, idle = false, nowMs = 0): number | undefined {
    this.#used += payloadBytes + FRAME_OVERHEAD_BYTES
    if (this.#used + this.#windowBytes - this.#granted < this.#windowBytes / 2) return undefined
    if (idle && nowMs - this.#grantedAtMs < FAST_MS) this.#windowBytes += this.#budget?.grow(this.#windowBytes) ?? 0
    this.#grantedAtMs = nowMs
    this.#granted = this.#used + this.#windowBytes
    return this.#granted
  }

  /** Nothing more comes: gives back what it has grown by. */
  close(): void {
    this.#budget?.release(this.#windowBytes - this.#firstBytes)
    this.#windowBytes = this.#firstBytes
  }
}
