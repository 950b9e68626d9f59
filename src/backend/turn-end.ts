/** Something that waits for what its handler does at once. */
export interface Held {
  /** The microtasks of the turn have run. */
  release(): void
}

/** Releases all that is held once the messages of one read, and what their handlers did at once, are through. */
export class TurnEnd {
  #held: Held[] = []
  readonly #onEnd = () => {
    const held = this.#held
    this.#held = []
    for (const each of held) each.release()
  }

  /** Within this turn of the event loop, so that nothing is held for longer than it takes. */
  add(held: Held): void {
    if (this.#held.push(held) === 1) setImmediate(this.#onEnd)
  }
}
