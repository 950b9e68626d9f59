import { ExchangeError } from '../exchange/errors.ts'
import type { ClientSide } from '../exchange/exchange.ts'
import type { PlainReply } from '../wire/plain-reply.ts'
import { ReplyQueue } from './reply-queue.ts'

/** What became of a plain reply. */
export type Delivery = 'going on' | 'whole' | ExchangeError

/** Many plain replies on their way to one client: each is a chunk, an empty one without headers is the end. */
export class PlainReplies {
  readonly #client: ClientSide
  #queue: ReplyQueue | undefined

  constructor(client: ClientSide) {
    this.#client = client
  }

  /** The client takes no more for now. */
  get isClientFull(): boolean {
    return this.#queue !== undefined
  }

  /** That wait for it. */
  get queuedBytes(): number {
    return this.#queue?.bytes ?? 0
  }

  /** @param isBare without any headers */
  deliver(reply: PlainReply, data: Uint8Array, isBare: boolean): Delivery {
    if (data.length === 0) {
      if (!isBare) return 'going on'
      if (this.#queue === undefined) return 'whole'
      this.#queue.ended = true
    } else if (this.#queue === undefined) {
      if (!this.#client.data(data, reply.meta)) this.#queue = new ReplyQueue()
    } else if (!this.#queue.push(data, reply.meta)) {
      return new ExchangeError('too_large', 'the client reads too slowly: the buffer of the response is full')
    }
    return 'going on'
  }

  /** The client takes more. */
  drained(): Delivery {
    const queue = this.#queue
    if (queue === undefined || !queue.drainInto(this.#client)) return 'going on'
    this.#queue = undefined
    return queue.ended ? 'whole' : 'going on'
  }
}
