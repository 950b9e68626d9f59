interface Due {
  readonly atMs: number
  readonly order: number
  readonly act: () => void
}

/** Time that passes only from one thing to do to the next; what is due at once runs in the order it was asked for. */
export class VirtualClock {
  nowMs = 1000
  #order = 0
  /** A binary heap, the first to do on top. */
  readonly #heap: Due[] = []

  after(delayMs: number, act: () => void): void {
    this.at(this.nowMs + delayMs, act)
  }

  at(atMs: number, act: () => void): void {
    const due = { atMs, order: this.#order++, act }
    const heap = this.#heap
    let at = heap.push(due) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(due, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = due
  }

  /** @returns whether there is nothing left to do by then */
  run(untilMs: number): boolean {
    for (let due = this.#heap[0]; due !== undefined; due = this.#heap[0]) {
      if (due.atMs > untilMs) return false
      this.#removeFirst()
      this.nowMs = due.atMs
      due.act()
    }
    return true
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
