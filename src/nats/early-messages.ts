import type { HeaderList, MessageMeta } from '../exchange/exchange.ts'
import type { Stream } from '../wire/stream.ts'

const MAX_EARLY_BYTES = 1024 * 1024
/** Counted for each message beside its bytes, so that many tiny ones are bounded too. */
const MESSAGE_OVERHEAD_BYTES = 64

/** What a connection's client says before a backend has accepted it. Unlike a body it is not sent in the OPEN. */
export class EarlyMessages {
  #messages: { readonly data: Uint8Array; readonly meta: MessageMeta | undefined }[] = []
  #bytes = 0
  #end: { readonly trailers: HeaderList | undefined; readonly closeCode: number | undefined } | undefined

  /** Whether anything is to follow the OPEN. */
  get more(): boolean {
    return this.#messages.length > 0 || this.#end === undefined
  }

  /** Copies a message: its bytes are the client connection's. False: too many wait. A single one is never too large. */
  push(chunk: Uint8Array, meta: MessageMeta | undefined): boolean {
    this.#bytes += chunk.length + MESSAGE_OVERHEAD_BYTES
    if (this.#bytes > MAX_EARLY_BYTES && this.#messages.length > 0) return false
    this.#messages.push({ data: new Uint8Array(chunk), meta })
    return true
  }

  end(trailers: HeaderList | undefined, closeCode: number | undefined): void {
    this.#end = { trailers, closeCode }
  }

  /** Hands on and forgets everything. True: the stream has room for more. */
  sendInto(stream: Stream): boolean {
    const messages = this.#messages
    this.#messages = []
    let hasRoom = true
    for (const { data, meta } of messages) hasRoom = stream.data(data, meta)
    if (this.#end === undefined) return hasRoom
    stream.end(this.#end.trailers, this.#end.closeCode)
    return false
  }
}
