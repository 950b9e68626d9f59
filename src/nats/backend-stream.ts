import type { MsgHdrs } from 'nats'
import type { ExchangeError } from '../exchange/errors.ts'
import type { ClientSide, HeaderList, MessageMeta, ResponseHead } from '../exchange/exchange.ts'
import { announcedLength } from '../wire/content-length.ts'
import { Stream } from '../wire/stream.ts'
import type { StreamLocal } from '../wire/stream-options.ts'
import { EncodedHeaders } from './encoded-headers.ts'
import type { TransportParts } from './transport.ts'

const MAX_CHUNK_BYTES = 64 * 1024
/** Of max_payload, for the headers of a data frame. */
const FRAME_HEADER_ROOM_BYTES = 1024

export interface BackendStreamOptions {
  readonly client: ClientSide
  /** Each chunk is a message of its own. */
  readonly messages: boolean
  /** What a `content-length` of the head speaks of: the body; one that does not follow, for HEAD; or nothing. */
  readonly lengthOf: 'body' | 'absent body' | 'nothing'
  /** Where the backend hears this exchange: the reply subject of its first frame. */
  readonly backendSubject: string
  /** Where we hear it. */
  readonly replySubject: string
  /** The request body goes on. */
  readonly sends: boolean
  readonly windowBytes: number
  readonly onClosed: () => void
}

/** The router's end of an SX/1 stream, over this connection. */
export function openBackendStream(parts: TransportParts, options: BackendStreamOptions): Stream {
  const { link, wheel } = parts
  const { backendSubject, replySubject, client, messages, lengthOf } = options
  return new Stream({
    role: 'router',
    local: new StreamClient(client, messages, lengthOf === 'absent body'),
    send(headerBlock, payload, asksReply) {
      const headers = new EncodedHeaders(headerBlock) as unknown as MsgHdrs
      // A connection that is gone for good fails every exchange by itself.
      if (link.client?.isClosed() !== false) return
      link.client.publish(backendSubject, payload, asksReply ? { headers, reply: replySubject } : { headers })
      if (payload.length > 0) parts.blocks.onSent(payload)
    },
    onClosed: options.onClosed,
    now: () => wheel.now(),
    sends: options.sends,
    receives: true,
    windowBytes: options.windowBytes,
    windowBudget: parts.windowBudget,
    credit: 0,
    ownsChunks: true,
    maxBytes: Math.min(MAX_CHUNK_BYTES, link.maxPayload - FRAME_HEADER_ROOM_BYTES),
    checksLength: lengthOf === 'body',
  })
}

/** The client, with the response's head as the client protocols take it. */
class StreamClient implements StreamLocal {
  readonly #client: ClientSide
  readonly #messages: boolean
  readonly #keepsLength: boolean

  constructor(client: ClientSide, messages: boolean, keepsLength: boolean) {
    this.#client = client
    this.#messages = messages
    this.#keepsLength = keepsLength
  }

  head({ status, headers, length }: ResponseHead): void {
    const list: string[] = []
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i]!
      // The response's own framing says how long it is, and when it was sent.
      if (name !== 'content-length' && name !== 'date') list.push(name, headers[i + 1]!)
    }
    const announced = this.#keepsLength ? announcedLength(headers) : -1
    if (announced >= 0) list.push('content-length', String(announced))
    this.#client.head({ status, headers: list, length, messages: this.#messages })
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    return this.#client.data(chunk, meta)
  }

  end(trailers?: HeaderList, closeCode?: number): void {
    this.#client.end(trailers, closeCode)
  }

  reset(error: ExchangeError): void {
    this.#client.reset(error)
  }

  drained(): void {
    this.#client.drained()
  }
}
