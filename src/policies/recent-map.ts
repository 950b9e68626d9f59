/**
 * A map of bounded size that forgets what was not asked for lately. Two generations: what is asked for moves to the young
 * one, and the old one goes when that is full. A hit is one lookup, where a list in order of use would cost three writes.
 */
export class RecentMap<Key, Value> {
  readonly #maxYoung: number
  #young = new Map<Key, Value>()
  #old = new Map<Key, Value>()

  /** @param maxSize at least 2 */
  constructor(maxSize: number) {
    this.#maxYoung = Math.ceil(maxSize / 2)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: Key, value: Value): void {
    this.#old.delete(key)
    if (this.#young.size >= this.#maxYoung && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  *values(): Generator<Value> {
    yield* this.#young.values()
    yield* this.#old.values()
  }

  delete(key: Key): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
