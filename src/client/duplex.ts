import type { MuxData } from '../adapters/framing/mux-frame.ts'
import { createDeferred } from './deferred.ts'
import type { Exchange } from './exchange.ts'
import { handled } from './handled.ts'
import { openExchange, type Session } from './open-exchange.ts'
import { attemptOf, isRepeatable, type RequestFields, requestOf } from './outgoing-request.ts'
import { byteLength, concat } from './pieces.ts'
import { fromMuxHeaders } from './request-headers.ts'
import { RequestLife, type RequestLimits } from './request-life.ts'
import { RouterError } from './router-error.ts'

/** The longest message that comes in parts. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024

/** With a `body`, which may be null, it is a request: its response comes as messages, and nothing more is sent. */
export type OpenInit = RequestFields & RequestLimits

export interface DuplexHead {
  readonly status: number
  readonly headers: Headers
}

/** One message of a WebSocket route, one event or chunk of another. */
export type Message = (
  | { readonly type: 'text'; readonly data: string }
  | { readonly type: 'binary'; readonly data: Uint8Array }
) & { readonly event?: string | undefined; readonly id?: string | undefined }

/**
 * Messages both ways at once, each direction ending by itself: iterate over what comes, `send` what goes. It is opened
 * again, where that is safe, until it has its head or the first message was sent.
 */
export class Duplex implements AsyncIterable<Message> {
  /** Status and headers of the response; rejects if it ends before. */
  readonly head: Promise<DuplexHead>
  /** Resolves with the close code when both directions have ended; rejects with the error that ended them. */
  readonly closed: Promise<number>
  readonly #isDuplex: boolean
  readonly #life: RequestLife
  /** Of the attempt under way: open, with or without its head. A new one once that has failed, for there may be another. */
  #begun = createDeferred<Exchange>()
  readonly #opened: Promise<Exchange>
  #hasSent = false

  constructor(session: Session, path: string, init: OpenInit) {
    const request = requestOf(path, init)
    const isDuplex = init.body === undefined
    this.#isDuplex = isDuplex
    this.#life = new RequestLife(init, session.clock, session.lives)
    const opened = openExchange(session, {
      isDuplex,
      life: this.#life,
      canRepeat: () => !this.#hasSent && isRepeatable(request),
      attempt: () => {
        const { open, begin } = attemptOf(request, session.headers())
        return {
          open: isDuplex ? { ...open, more: true } : open,
          begin: (exchange) => {
            begin(exchange)
            const begun = this.#begun
            // First: it may have failed by now, and what waits is for the next one then.
            exchange.head.catch(() => {
              this.#begun = createDeferred()
            })
            begun.resolve(exchange)
          },
        }
      },
    })
    opened.catch((error) => this.#begun.reject(error))
    this.#opened = handled(opened.then(({ exchange }) => exchange))
    this.head = handled(opened.then(({ head: { status, headers } }) => ({ status, headers: fromMuxHeaders(headers) })))
    this.closed = handled(this.#opened.then((exchange) => exchange.closed))
  }

  /** A string is a text message, bytes a binary one. Resolves when it is on its way: await it, and nothing piles up. */
  send(data: string | Uint8Array): Promise<void> {
    return handled(
      this.#onceOpen((exchange) => {
        if (!this.#isDuplex) throw new Error('this was opened with a body, which is all that is sent')
        this.#hasSent = true
        return exchange.send(data, true)
      }),
    )
  }

  /** Nothing more is sent; what comes goes on. @param closeCode of a WebSocket, default 1000 */
  end(closeCode?: number): void {
    handled(
      this.#onceOpen((exchange) => {
        this.#hasSent = true
        exchange.finish(closeCode)
      }),
    )
  }

  /** Ends both directions at once; whoever waits for anything gets the reason. */
  reset(reason: unknown = new RouterError('client_gone', 'the exchange was reset by its owner')): void {
    this.#life.abort(reason)
  }

  /** One reader at a time. To leave the loop early ends nothing: `reset` does. */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return { next: () => this.#next() }
  }

  async #onceOpen(act: (exchange: Exchange) => Promise<void> | void): Promise<void> {
    for (;;) {
      const begun = this.#begun
      const exchange = await begun.promise
      if (begun === this.#begun) return act(exchange)
    }
  }

  async #next(): Promise<IteratorResult<Message, undefined>> {
    const exchange = await this.#opened
    const first = await exchange.read()
    if (first === undefined) return { done: true, value: undefined }
    if (first.fin !== false) return { done: false, value: messageOf(first, [first]) }
    const parts = [first]
    let bytes = byteLength(first.body)
    for (let last = first; last.fin === false; ) {
      const part = await exchange.read()
      if (part === undefined) throw new RouterError('protocol_error', 'the end came within a message', { status: 502 })
      parts.push(part)
      bytes += byteLength(part.body) + 1
      if (bytes > MAX_MESSAGE_BYTES) {
        const error = new RouterError('too_large', 'a message of more than 16 MiB')
        exchange.cancel(error, error.code)
        throw error
      }
      last = part
    }
    return { done: false, value: messageOf(first, parts) }
  }
}

function messageOf({ event, eventId: id }: MuxData, parts: readonly MuxData[]): Message {
  const bodies = parts.map(({ body }) => body)
  if (bodies.every((body) => typeof body === 'string')) return { type: 'text', data: bodies.join(''), event, id }
  return { type: 'binary', data: concat(bodies), event, id }
}
