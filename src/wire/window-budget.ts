/** A window beyond this makes nothing faster. */
const MAX_WINDOW_BYTES = 2 * 1024 * 1024
/** Of what is left, what one step may take: the many that come later find room to grow too. */
const SHARE = 8

/**
 * What all streams of one NATS connection together may add to their first windows. A wide window lets a fast stream go on
 * while its credit travels; the sum is bounded, as a NATS server cuts a connection off that leaves too much unread.
 */
export class WindowBudget {
  #leftBytes: number

  constructor(bytes: number) {
    this.#leftBytes = bytes
  }

  get leftBytes(): number {
    return this.#leftBytes
  }

  /** The bytes that a window of this size may grow by; 0: none. */
  grow(windowBytes: number): number {
    const stepBytes = Math.min(windowBytes, MAX_WINDOW_BYTES - windowBytes)
    if (stepBytes <= 0 || stepBytes * SHARE > this.#leftBytes) return 0
    this.#leftBytes -= stepBytes
    return stepBytes
  }

  /** Gives back what a stream that is over has grown by. */
  release(bytes: number): void {
    this.#leftBytes += bytes
  }
}
