import type { Msg, NatsConnection, Subscription } from 'nats'

/** Gets the messages that are sent to its token. */
export interface InboxEntry {
  onMessage(message: Msg): void
}

/**
 * Every reply to this connection: one plain subscription and a map from token to its owner. A publish that names one
 * of its subjects as the reply also gets the server's 503 here when nobody listens.
 */
export class Inbox {
  readonly #prefix: string
  readonly #reserved: string
  readonly #nextToken: () => string
  readonly #entries = new Map<string, InboxEntry>()
  #subscription: Subscription | undefined
  readonly #onLate: (message: Msg) => void
  #late = 0

  /**
   * @param nextToken gives unguessable NATS tokens; the first one names this inbox
   * @param onLate gets what came for a token that is not there
   */
  constructor(prefix: string, nextToken: () => string, onLate: (message: Msg) => void) {
    this.#onLate = onLate
    this.#prefix = `${prefix}.${nextToken()}.`
    // Below `_INBOX` everybody has one; below another prefix there are routers alone.
    this.#reserved = prefix === '_INBOX' ? this.#prefix : `${prefix}.`
    this.#nextToken = nextToken
  }

  /** Open entries. */
  get size(): number {
    return this.#entries.size
  }

  /** Messages for a token that was no longer, or never, there. */
  get late(): number {
    return this.#late
  }

  /** Subscribes on a new connection; the client library renews the subscription when that one reconnects. */
  attach(client: NatsConnection): void {
    this.#subscription?.unsubscribe()
    const start = this.#prefix.length
    this.#subscription = client.subscribe(`${this.#prefix}>`, {
      // An error here is about the subscription (permissions) and also comes as the connection's status.
      callback: (error, message) => {
        if (error !== null) return
        const entry = this.#entries.get(message.subject.substring(start))
        if (entry === undefined) {
          this.#late++
          this.#onLate(message)
          return
        }
        try {
          entry.onMessage(message)
        } catch (fault) {
          // From here it would end the client library's read loop in silence. A fault of ours must be seen.
          setImmediate(() => {
            throw fault
          })
        }
      },
    })
  }

  /** Gives the subscription up, where the connection goes on without this inbox. */
  detach(): void {
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
  }

  /** Gives the entry a token; the caller closes it with `remove`. */
  add(entry: InboxEntry): string {
    const token = this.#nextToken()
    this.#entries.set(token, entry)
    return token
  }

  remove(token: string): void {
    this.#entries.delete(token)
  }

  replySubject(token: string): string {
    return this.#prefix + token
  }

  /** Whether what is published to the subject would come back here, or to another router with a prefix of its own. */
  owns(subject: string): boolean {
    return subject.startsWith(this.#reserved)
  }

  entries(): Iterable<InboxEntry> {
    return this.#entries.values()
  }
}
