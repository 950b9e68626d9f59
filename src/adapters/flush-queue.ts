/** Something that has collected what it wants to write. */
export interface Flushable {
  flush(): void
}

/** Flushes each connection once after the callback of the event loop in which it was written to, with one closure for all. */
export class FlushQueue {
  #queue: Flushable[] = []
  #spare: Flushable[] = []
  readonly #run = () => this.#flush()

  push(flushable: Flushable): void {
    if (this.#queue.push(flushable) === 1) queueMicrotask(this.#run)
  }

  #flush(): void {
    const queue = this.#queue
    this.#queue = this.#spare
    for (let i = 0; i < queue.length; i++) queue[i]!.flush()
    queue.length = 0
    this.#spare = queue
  }
}
