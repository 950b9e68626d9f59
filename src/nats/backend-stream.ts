import type { MsgHdrs } from 'nats'
import type { ClientSide, RequestHead, ResponseHead, Side } from '../exchange/exchange.ts'
import type { RouteSettings } from '../exchange/route.ts'
import { announcedLength } from '../wire/content-length.ts'
import { Stream } from '../wire/stream.ts'
import type { StreamOptions } from '../wire/stream-options.ts'
import type { WindowBudget } from '../wire/window-budget.ts'
import { EncodedHeaders } from './encoded-headers.ts'
import type { TransportParts } from './transport.ts'

const MAX_CHUNK_BYTES = 64 * 1024
/** Of max_payload, for the headers of a data frame. */
const FRAME_HEADER_ROOM_BYTES = 1024

/** What a `content-length` of the head speaks of: the body; one that does not follow, for HEAD; or nothing. */
export type LengthOf = 'body' | 'absent body' | 'nothing'

/** What the `content-length` of the response to a request speaks of. */
export function lengthOf(route: RouteSettings, { method }: RequestHead): LengthOf {
  if (route.kind !== 'http' || route.reply === 'many') return 'nothing'
  return method === 'HEAD' ? 'absent body' : 'body'
}

export interface BackendStreamOptions {
  readonly client: ClientSide
  /** Each chunk is a message of its own. */
  readonly messages: boolean
  readonly lengthOf: LengthOf
  /** Where the backend hears this exchange: the reply subject of its first frame. */
  readonly backendSubject: string
  /** Where we hear it. */
  readonly replySubject: string
  /** The request body goes on. */
  readonly sends: boolean
  readonly windowBytes: number
  /** Hears when nothing comes or goes any more. */
  readonly owner: { onStreamClosed(): void }
}

/** The router's end of an SX/1 stream, over this connection. */
export function openBackendStream(parts: TransportParts, options: BackendStreamOptions): Stream {
  return new Stream(new BackendStream(parts, options))
}

/**
 * What a stream needs of this router and of the client. One object without closures: connections last, and there are many.
 */
class BackendStream implements StreamOptions {
  readonly #parts: TransportParts
  readonly #client: ClientSide
  readonly #messages: boolean
  readonly #lengthOf: LengthOf
  readonly #backendSubject: string
  readonly #replySubject: string
  readonly #owner: BackendStreamOptions['owner']
  readonly sends: boolean
  readonly windowBytes: number

  constructor(parts: TransportParts, options: BackendStreamOptions) {
    this.#parts = parts
    this.#client = options.client
    this.#messages = options.messages
    this.#lengthOf = options.lengthOf
    this.#backendSubject = options.backendSubject
    this.#replySubject = options.replySubject
    this.#owner = options.owner
    this.sends = options.sends
    this.windowBytes = options.windowBytes
  }

  get role(): 'router' {
    return 'router'
  }

  get local(): Side {
    return this.#client
  }

  get receives(): boolean {
    return true
  }

  get credit(): number {
    return 0
  }

  get ownsChunks(): boolean {
    return true
  }

  get windowBudget(): WindowBudget {
    return this.#parts.windowBudget
  }

  get maxBytes(): number {
    return Math.min(MAX_CHUNK_BYTES, this.#parts.link.maxPayload - FRAME_HEADER_ROOM_BYTES)
  }

  get checksLength(): boolean {
    return this.#lengthOf === 'body'
  }

  now(): number {
    return this.#parts.wheel.now()
  }

  send(headerBlock: Uint8Array, payload: Uint8Array, asksReply: boolean): void {
    const { link, blocks } = this.#parts
    const headers = new EncodedHeaders(headerBlock) as unknown as MsgHdrs
    // A connection that is gone for good fails every exchange by itself.
    if (link.client?.isClosed() !== false) return
    const options = asksReply ? { headers, reply: this.#replySubject } : { headers }
    link.client.publish(this.#backendSubject, payload, options)
    if (payload.length > 0) blocks.onSent(payload)
  }

  onClosed(): void {
    this.#owner.onStreamClosed()
  }

  /** The client protocols take it without what belongs to their own framing. */
  onHead({ status, headers, length }: ResponseHead): void {
    const list: string[] = []
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i]!
      // The response's own framing says how long it is, and when it was sent.
      if (name !== 'content-length' && name !== 'date') list.push(name, headers[i + 1]!)
    }
    const announced = this.#lengthOf === 'absent body' ? announcedLength(headers) : -1
    if (announced >= 0) list.push('content-length', String(announced))
    this.#client.head({ status, headers: list, length, messages: this.#messages })
  }
}
