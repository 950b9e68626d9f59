import type { Inbox } from './inbox.ts'
import { NatsExchange } from './nats-exchange.ts'

/** After a reconnect, for the server to spread our subscription and the backends theirs. */
const SPREAD_MS = 250
/** A stream that could not go on for this long is given up. */
const MAX_OUTAGE_MS = 10_000

/** Takes the exchanges of one link through a loss of NATS: what cannot go on fails, streams wait for its return. */
export class Outage {
  readonly #inbox: Inbox
  /** Since the loss, until NATS is back for good. */
  #outage: NodeJS.Timeout | undefined
  /** Since it is back. */
  #spread: NodeJS.Timeout | undefined

  constructor(inbox: Inbox) {
    this.#inbox = inbox
  }

  onDisconnected(): void {
    clearTimeout(this.#spread)
    this.#each((exchange) => exchange.onLinkDown())
    // A router that stops has ended its exchanges by then.
    this.#outage ??= setTimeout(() => this.#each((exchange) => exchange.onLinkLost()), MAX_OUTAGE_MS).unref()
  }

  onConnected(): void {
    clearTimeout(this.#spread)
    this.#spread = setTimeout(() => this.#onBack(), SPREAD_MS).unref()
  }

  #onBack(): void {
    clearTimeout(this.#outage)
    this.#outage = undefined
    this.#each((exchange) => exchange.onLinkUp())
  }

  #each(act: (exchange: NatsExchange) => void): void {
    for (const entry of [...this.#inbox.entries()]) if (entry instanceof NatsExchange) act(entry)
  }
}
