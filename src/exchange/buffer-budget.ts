import { DEAF_LIMIT_OBSERVER, type LimitObserver } from './limit.ts'

export interface BufferBudgetOptions {
  readonly maxBytes: number
  readonly observer: LimitObserver
}

/**
 * How many bytes wait in the process, since one end is slower than the other, of all clients together. Whoever keeps bytes
 * says so and says when they are gone; whoever is told that it is too much fails what it keeps them for.
 */
export class BufferBudget {
  readonly #maxBytes: number
  readonly #observer: LimitObserver
  #heldBytes = 0

  constructor({ maxBytes, observer }: BufferBudgetOptions = { maxBytes: Infinity, observer: DEAF_LIMIT_OBSERVER }) {
    this.#maxBytes = maxBytes
    this.#observer = observer
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Counts a change in any case. False: it is more, and too much. @param remote the client's address, for the log */
  hold(changeBytes: number, remote: string): boolean {
    this.#heldBytes += changeBytes
    if (changeBytes <= 0 || this.#heldBytes <= this.#maxBytes) return true
    this.#observer.onLimit('buffered_bytes', remote)
    return false
  }
}
