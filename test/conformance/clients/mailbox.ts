/** Chunks that were pushed at a client, until they are read. One reader at a time. */
export class Mailbox {
  readonly #chunks: Uint8Array[] = []
  #closed = false
  #wake: (() => void) | undefined

  get isEmpty(): boolean {
    return this.#chunks.length === 0
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#wake?.()
  }

  /** Nothing more will come. */
  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  /** Undefined once all was read and no more will come. */
  async take(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#chunks.shift()
  }
}
