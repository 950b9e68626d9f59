import type { MsgHdrs, NatsConnection } from 'nats'
import { EncodedHeaders } from './encoded-headers.ts'

/** A message with a reply subject, published as it is when its turn comes. */
export interface Outgoing {
  readonly subject: string
  readonly reply: string
  /** An encoded header block, `NATS/1.0` and all. */
  readonly headerBlock: Uint8Array
  readonly payload: Uint8Array
  /** Asked when its turn has come: false if it is not wanted any more. */
  wantsPublish(): boolean
  /** Called instead of a publish that failed. */
  onPublishFailed(cause: unknown): void
}

/** The system call is a small part of what so many cost, and a turn may be long where very many clients send at once. */
const MAX_QUEUED = 64

/**
 * Publishes once a turn of the event loop: the client library writes to its socket after each callback of a client
 * connection, and that system call costs more than all else on the way; so requests that came in together leave
 * together, or so many of them as are enough. Order is kept.
 */
export class Outbox {
  readonly #client: () => NatsConnection | undefined
  #queue: Outgoing[] = []
  #isFlushing = false
  readonly #onImmediate = () => this.flush()

  constructor(client: () => NatsConnection | undefined) {
    this.#client = client
  }

  push(message: Outgoing): void {
    const queued = this.#queue.push(message)
    if (queued === 1) setImmediate(this.#onImmediate)
    else if (queued >= MAX_QUEUED && !this.#isFlushing) this.flush()
  }

  /** What waits goes now. */
  flush(): void {
    const queue = this.#queue
    // What fails may bring new ones, whose turn comes after these.
    this.#queue = []
    this.#isFlushing = true
    const client = this.#client()
    for (const message of queue) {
      if (!message.wantsPublish()) continue
      try {
        if (client === undefined) throw new Error('there is no connection')
        client.publish(message.subject, message.payload, {
          reply: message.reply,
          headers: new EncodedHeaders(message.headerBlock) as unknown as MsgHdrs,
        })
      } catch (error) {
        message.onPublishFailed(error)
      }
    }
    this.#isFlushing = false
  }
}
