import type { Inbox } from './inbox.ts'
import { NatsExchange } from './nats-exchange.ts'

/** After a reconnect, for the server to spread our subscription and the backends theirs. */
const SPREAD_MS = 250
/** A stream that could not go on for this long is given up. */
const MAX_OUTAGE_MS = 10_000

/** Takes the exchanges of one link through a loss of NATS: what cannot go on fails, streams wait for its return. */
export class Outage {
  readonly #inbox: Inbox
  #timer: NodeJS.Timeout | undefined

  constructor(inbox: Inbox) {
    this.#inbox = inbox
  }

  onDisconnected(): void {
    this.#each((exchange) => exchange.onLinkDown())
    this.#after(MAX_OUTAGE_MS, (exchange) => exchange.onLinkLost())
  }

  onConnected(): void {
    this.#after(SPREAD_MS, (exchange) => exchange.onLinkUp())
  }

  #after(delayMs: number, act: (exchange: NatsExchange) => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#each(act), delayMs)
    // A router that stops has ended its exchanges by then.
    this.#timer.unref()
  }

  #each(act: (exchange: NatsExchange) => void): void {
    for (const entry of [...this.#inbox.entries()]) if (entry instanceof NatsExchange) act(entry)
  }
}
