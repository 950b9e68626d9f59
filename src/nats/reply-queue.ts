import type { ClientSide, MessageMeta } from '../exchange/exchange.ts'

/** Plain replies have no flow control: this is all that may wait for a client that reads slowly. */
const MAX_QUEUED_BYTES = 1024 * 1024
/** Counted for each message beside its bytes, so that many tiny ones are bounded too. */
const MESSAGE_OVERHEAD_BYTES = 64

interface QueuedReply {
  readonly data: Uint8Array
  readonly meta: MessageMeta | undefined
}

/** Replies that wait for a full client to drain. */
export class ReplyQueue {
  #replies: QueuedReply[] = []
  #next = 0
  #bytes = 0
  /** Of what is in it. */
  get bytes(): number {
    return this.#bytes
  }

  /** The last reply is in the queue. */
  ended = false

  /** False: the queue is full; the reply was not taken. */
  push(data: Uint8Array, meta: MessageMeta | undefined): boolean {
    this.#bytes += data.length + MESSAGE_OVERHEAD_BYTES
    if (this.#bytes > MAX_QUEUED_BYTES) return false
    if (this.#next > 0 && this.#next * 2 >= this.#replies.length) {
      this.#replies = this.#replies.slice(this.#next)
      this.#next = 0
    }
    // A copy, which `slice` of a Buffer is not: the original keeps the whole read of the socket alive that it came with.
    this.#replies.push({ data: new Uint8Array(data), meta })
    return true
  }

  /** True: all of it was taken and the client takes more. */
  drainInto(client: ClientSide): boolean {
    while (this.#next < this.#replies.length) {
      const { data, meta } = this.#replies[this.#next++]!
      this.#bytes -= data.length + MESSAGE_OVERHEAD_BYTES
      if (!client.data(data, meta)) return false
    }
    return true
  }
}
