import type { ClientConnection } from '../../exchange/client-connection.ts'
import { ExchangeError } from '../../exchange/errors.ts'
import { DrainSchedule } from '../drain-schedule.ts'

/** An accepted connection, whatever it has come to. */
export interface TcpConnection {
  /** Of it, what an operator sees. */
  describe(): Pick<ClientConnection, 'protocol' | 'remote' | 'exchanges' | 'bytesIn' | 'bytesOut'>
  /** No new work; what is under way may go on for so long. */
  drain(graceMs: number): void
  /** Ends it now. */
  stop(error: ExchangeError): void
}

interface Entry {
  readonly number: number
  readonly sinceMs: number
}

/** The connections of one listener. */
export class ConnectionSet {
  readonly #open = new Map<TcpConnection, Entry>()
  #lastNumber = 0
  #onEmpty: (() => void) | undefined
  #drainSchedule: DrainSchedule | undefined

  get size(): number {
    return this.#open.size
  }

  add(connection: TcpConnection): void {
    this.#open.set(connection, { number: ++this.#lastNumber, sinceMs: Date.now() })
  }

  delete(connection: TcpConnection): void {
    this.#open.delete(connection)
    if (this.#open.size === 0) this.#onEmpty?.()
  }

  /**
   * By number.
   * @param prefix of their ids, the listener's own
   * @param after the number after which they begin
   */
  *connections(prefix: string, after: number): Generator<ClientConnection> {
    for (const [connection, { number, sinceMs }] of this.#open) {
      if (number <= after) continue
      yield {
        id: `${prefix}${number}`,
        kind: 'tcp',
        sinceMs,
        ...connection.describe(),
        close: () => connection.stop(new ExchangeError('draining', 'an operator has closed the connection')),
      }
    }
  }

  /** A few at a time; a handshake at once, as what it leads to would not be told. @param now in milliseconds */
  drain(graceMs: number, now: () => number): void {
    const ready: TcpConnection[] = []
    for (const connection of [...this.#open.keys()]) {
      if (connection.describe().protocol === 'handshake') connection.drain(graceMs)
      else ready.push(connection)
    }
    this.#drainSchedule = new DrainSchedule(ready, graceMs, now)
  }

  stop(error: ExchangeError): void {
    this.#drainSchedule?.stop()
    for (const connection of [...this.#open.keys()]) connection.stop(error)
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
