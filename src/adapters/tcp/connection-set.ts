import type { ExchangeError } from '../../exchange/errors.ts'

/** An accepted connection, whatever it has come to. */
export interface TcpConnection {
  /** No new work; what is under way may go on for so long. */
  drain(graceMs: number): void
  /** Ends it now. */
  stop(error: ExchangeError): void
}

/** The connections of one listener. */
export class ConnectionSet {
  readonly #open = new Set<TcpConnection>()
  #onEmpty: (() => void) | undefined

  get size(): number {
    return this.#open.size
  }

  add(connection: TcpConnection): void {
    this.#open.add(connection)
  }

  delete(connection: TcpConnection): void {
    this.#open.delete(connection)
    if (this.#open.size === 0) this.#onEmpty?.()
  }

  drain(graceMs: number): void {
    for (const connection of [...this.#open]) connection.drain(graceMs)
  }

  stop(error: ExchangeError): void {
    for (const connection of [...this.#open]) connection.stop(error)
  }

  /** Resolves when none is left, or after `timeoutMs`. */
  empty(timeoutMs: number): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#onEmpty = undefined
        resolve()
      }
      const timer = setTimeout(done, timeoutMs)
      this.#onEmpty = done
    })
  }
}
