import type { NatsConnection, QueuedIterator, Status } from 'nats'
import { Events } from 'nats'

/** After a reconnect, for the server to spread our subscriptions and the routers theirs. */
const SPREAD_MS = 250
/** A stream that could not go on for this long is given up. */
const MAX_OUTAGE_MS = 10_000

export interface ConnectionListener {
  /** Once for each loss. */
  onDown(): void
  /** The connection is back, and interest has had time to spread. */
  onUp(): void
  /** It has been gone for too long, or is closed for good. */
  onLost(): void
}

/** Tells of the loss and the return of a connection until it is stopped. */
export class ConnectionWatch {
  readonly #nats: NatsConnection
  readonly #listener: ConnectionListener
  readonly #maxOutageMs: number
  readonly #statuses: QueuedIterator<Status>
  /** Since the loss, until the connection is back for good. */
  #outage: NodeJS.Timeout | undefined
  /** Since NATS has answered again. */
  #spread: NodeJS.Timeout | undefined
  #stopped = false

  constructor(nats: NatsConnection, listener: ConnectionListener, maxOutageMs = MAX_OUTAGE_MS) {
    this.#nats = nats
    this.#listener = listener
    this.#maxOutageMs = maxOutageMs
    // More than its type says: it can be stopped.
    this.#statuses = nats.status() as QueuedIterator<Status>
    void this.#follow()
    void nats.closed().then(() => {
      if (!this.#stopped) listener.onLost()
    })
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#outage)
    clearTimeout(this.#spread)
    this.#statuses.stop()
  }

  async #follow(): Promise<void> {
    for await (const { type } of this.#statuses) {
      if (this.#stopped) return
      // Of each handshake that fails there is a `Disconnect`, and in the end a `Reconnect` for each of those.
      if (type === Events.Disconnect) this.#onDisconnect()
      else if (type === Events.Reconnect && this.#outage !== undefined && this.#spread === undefined) {
        // One that does not answer is as good as gone: the loss goes on meanwhile.
        const isAnswered = await this.#nats.flush().then(
          () => true,
          () => false,
        )
        if (isAnswered && !this.#stopped) this.#spread = setTimeout(() => this.#onBack(), SPREAD_MS)
      }
    }
  }

  #onDisconnect(): void {
    clearTimeout(this.#spread)
    this.#spread = undefined
    if (this.#outage !== undefined) return
    this.#outage = setTimeout(() => this.#listener.onLost(), this.#maxOutageMs)
    this.#listener.onDown()
  }

  #onBack(): void {
    clearTimeout(this.#outage)
    this.#outage = undefined
    this.#spread = undefined
    this.#listener.onUp()
  }
}
