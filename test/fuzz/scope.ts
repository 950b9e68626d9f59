/** What has to be ended, and when: where a test has `t.after`, and a program has nothing. */
export class Scope {
  readonly #ends: (() => unknown)[] = []

  after(end: () => unknown): void {
    this.#ends.push(end)
  }

  /** Ends all of it, the latest first. */
  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}
