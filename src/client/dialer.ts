import { abortable } from './abortable.ts'
import { backoffMs } from './backoff.ts'
import { Connection, type ConnectionOptions, type ConnectionOwner, type OpenRequest } from './connection.ts'
import type { Exchange } from './exchange.ts'
import { RouterError } from './router-error.ts'

const MAX_WAIT_MS = 10_000
const MAX_WAITING = 1000

/** Of a client: `waiting` for the next try to connect, `idle` until a request needs a connection. */
export type ClientState = 'idle' | 'connecting' | 'open' | 'waiting' | 'closed'

export interface DialerOptions extends Omit<ConnectionOptions, 'owner'> {
  /** From 0 up to 1. */
  readonly random: () => number
  /** Connects before a request needs it, and again after each loss. */
  readonly eager: boolean
  readonly onState: (state: ClientState) => void
}

/** Of an exchange that has no connection yet. */
interface Waiter {
  open(connection: Connection): void
  fail(reason: unknown): void
}

/**
 * Keeps one connection for new exchanges, and those that finish beside it. Connects when a request asks, and waits
 * longer after each failure; the first answer of a router ends the series.
 */
export class Dialer implements ConnectionOwner {
  readonly #options: DialerOptions
  readonly #connections = new Set<Connection>()
  readonly #waiters = new Set<Waiter>()
  #current: Connection | undefined
  #state: ClientState = 'idle'
  #failures = 0
  #timer: unknown

  constructor(options: DialerOptions) {
    this.#options = options
    if (options.eager) this.#connect()
  }

  get state(): ClientState {
    return this.#state
  }

  /**
   * Opens an exchange as soon as there is a connection with room for it.
   * @param request called at that moment
   * @throws RouterError if that is not within 10 seconds, or too many wait for it
   */
  async open(request: () => OpenRequest, isDuplex: boolean, signal: AbortSignal): Promise<Exchange> {
    if (this.#state === 'closed') throw closedError()
    if (this.#current?.hasRoom) return this.#current.open(request(), isDuplex)
    if (this.#waiters.size >= MAX_WAITING)
      throw unavailable('queue_full', `${MAX_WAITING} requests wait for the router already`)
    if (this.#state === 'idle') this.#connect()
    return abortable<Exchange>(signal, (resolve, reject) => {
      const waiter: Waiter = { open: (connection) => resolve(connection.open(request(), isDuplex)), fail: reject }
      const timer = this.#options.clock.setTimeout(() => reject(this.#waitedTooLong()), MAX_WAIT_MS)
      this.#waiters.add(waiter)
      return () => {
        this.#options.clock.clearTimeout(timer)
        this.#waiters.delete(waiter)
      }
    })
  }

  /** What waits for a connection is ended by its own signal. */
  close(): void {
    if (this.#state === 'closed') return
    this.#options.clock.clearTimeout(this.#timer)
    this.#current = undefined
    this.#setState('closed')
    for (const connection of [...this.#connections]) connection.close()
  }

  /** False: there is no other token than the one by which the router does not know us. */
  async renewToken(signal: AbortSignal): Promise<boolean> {
    const renewed = this.#current?.renewToken()
    if (renewed === undefined) return false
    return abortable<boolean>(signal, (resolve) => {
      // Why there is none is not what the request has failed for.
      renewed.then(resolve, () => resolve(false))
      return () => undefined
    })
  }

  // Connections speak.

  onOpen(connection: Connection): void {
    this.#setState('open')
    this.onRoom(connection)
  }

  onHeard(): void {
    this.#failures = 0
  }

  onRoom(connection: Connection): void {
    for (const waiter of this.#waiters) {
      if (!connection.hasRoom) return
      waiter.open(connection)
    }
  }

  onNoToken(reason: unknown): void {
    for (const waiter of [...this.#waiters]) waiter.fail(reason)
  }

  onLeaving(connection: Connection): void {
    this.#lose(connection)
  }

  onClosed(connection: Connection): void {
    this.#connections.delete(connection)
    this.#lose(connection)
  }

  #lose(connection: Connection): void {
    if (connection !== this.#current) return
    this.#current = undefined
    const { clock, random } = this.#options
    // Before the owner of the client hears of it, who may close the client.
    this.#timer = clock.setTimeout(() => this.#connectIfNeeded(), backoffMs(this.#failures++, random))
    this.#setState('waiting')
  }

  #connectIfNeeded(): void {
    if (this.#options.eager || this.#waiters.size > 0) this.#connect()
    else this.#setState('idle')
  }

  #connect(): void {
    this.#current = new Connection({ ...this.#options, owner: this })
    this.#connections.add(this.#current)
    this.#setState('connecting')
  }

  #waitedTooLong(): RouterError {
    const seconds = MAX_WAIT_MS / 1000
    return this.#state === 'open'
      ? unavailable('busy', `no exchange has ended within ${seconds} s to make room for another`)
      : unavailable('not_connected', `no connection to the router within ${seconds} s`)
  }

  #setState(state: ClientState): void {
    if (state === this.#state) return
    this.#state = state
    this.#options.onState(state)
  }
}

function unavailable(code: string, message: string): RouterError {
  return new RouterError(code, message, { status: 503, retryable: true })
}

export function closedError(): RouterError {
  return new RouterError('closed', 'the client has been closed')
}
