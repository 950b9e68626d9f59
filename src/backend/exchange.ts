import { type ErrorCode, ExchangeError } from '../exchange/errors.ts'
import type { HeaderList, MessageMeta, ResponseHead, Side } from '../exchange/exchange.ts'
import type { Kind } from '../exchange/route.ts'
import { MAX_META_CHARS } from '../wire/frame.ts'
import { toAsciiValue } from '../wire/header-field.ts'
import type { ExchangeRequest } from './exchange-request.ts'
import { handledRejection } from './handled-rejection.ts'
import { type ExchangeMessage, Incoming } from './incoming.ts'

/** Where the answers of an exchange go: a stream of SX/1, or one plain reply. */
export interface Outlet extends Pick<Side, 'data' | 'end' | 'reset' | 'drained'> {
  head(head: Pick<ResponseHead, 'status' | 'headers'>): void
}

export interface ExchangeHead {
  /** Default 200. */
  readonly status?: number
  readonly headers?: ConstructorParameters<typeof Headers>[0]
}

type SendMeta = Omit<MessageMeta, 'fin'>

export interface ExchangeEnd {
  /** That the client's WebSocket is closed with: 1000 by default; 3000 to 4999 are yours to use. */
  readonly closeCode?: number
}

/**
 * One exchange with a client, both ways at once, as a handler sees it: iterate over what the client sends, `send` what
 * it should get. Each direction ends by itself. States: open -> closed, when both directions have ended, or by a reset
 * from either end, which aborts `signal`.
 */
export class BackendExchange implements AsyncIterable<ExchangeMessage> {
  readonly request: ExchangeRequest
  readonly #outlet: Outlet
  readonly #incoming: Incoming
  readonly #abort = new AbortController()
  #status: number | undefined
  #ended = false
  /** What is sent is one body, not messages. */
  #sendsBytes = false
  #error: ExchangeError | undefined
  #closeCode: number | undefined
  /** Settles when there is room for more. */
  #room: { readonly promise: Promise<void>; resolve(): void; reject(error: ExchangeError): void } | undefined

  constructor(request: ExchangeRequest, outlet: Outlet, maxMessageBytes: number) {
    this.request = request
    this.#outlet = outlet
    this.#incoming = new Incoming({
      onRead: () => outlet.drained(),
      onTooLarge: () => this.reset('too_large', `a message may have up to ${maxMessageBytes} bytes`),
      maxMessageBytes,
    })
  }

  /** The NATS subject that it came on. */
  get subject(): string {
    return this.request.subject
  }

  /** The protocol that the client speaks. */
  get kind(): Kind {
    return this.request.kind
  }

  /** That the client closed its WebSocket with; undefined while it has not, and where it gave none. */
  get closeCode(): number | undefined {
    return this.#closeCode
  }

  /** The client's headers. */
  get headers(): Headers {
    return this.request.headers
  }

  /** Aborts when the exchange is reset by either end: the client left, the router is gone, the service stops. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** What the client sends; one reader at a time. Throws an `ExchangeError` if the exchange is reset. */
  [Symbol.asyncIterator](): AsyncIterator<ExchangeMessage, undefined> {
    return { next: () => this.#incoming.next() }
  }

  /** Status and headers of the response; once, before anything is sent. Without it they are 200 and none. */
  head({ status = 200, headers }: ExchangeHead = {}): void {
    if (this.#status !== undefined) throw new Error('the head of this exchange is out already')
    this.#status = status
    this.#outlet.head({ status, headers: headerList(headers) })
  }

  /**
   * Text goes as a text message and bytes as a binary one where the client's protocol tells them apart. Resolves when
   * there is room for more; rejects if the exchange is reset.
   */
  send(message: string | Uint8Array | ExchangeMessage, meta?: SendMeta): Promise<void> {
    if (this.#error !== undefined) return handledRejection(this.#error)
    if (this.#ended) return handledRejection(new Error('this exchange has been ended'))
    if (this.#status === undefined) this.head()
    const { data, ...own } = typeof message === 'object' && 'data' in message ? message : { data: message }
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    const all: SendMeta = {
      ...(!this.#sendsBytes && this.request.kind !== 'http' && { type: typeof data === 'string' ? 'text' : 'binary' }),
      ...own,
      ...meta,
    }
    if (isTooLong(all.event) || isTooLong(all.id)) {
      return handledRejection(new Error(`the name or id of an event may have up to ${MAX_META_CHARS} characters`))
    }
    // Of a message: where each of them is an event, say, parts of one have to be known as such.
    const hasRoom = this.#outlet.data(bytes, all)
    // Too much of it may have been the end.
    if (this.#error !== undefined) return handledRejection(this.#error)
    if (hasRoom) return Promise.resolve()
    this.#room ??= openRoom()
    return this.#room.promise
  }

  /**
   * Nothing more is sent; the client may go on, but for a WebSocket, which is closed. A `send` that still waits for room
   * resolves.
   */
  end({ closeCode }: ExchangeEnd = {}): void {
    if (closeCode !== undefined) assertCloseCode(closeCode)
    if (this.#error !== undefined || this.#ended) return
    if (this.#status === undefined) this.head()
    this.#ended = true
    this.#outlet.end([], closeCode)
    // What waits goes out before the end; no more room is told of.
    this.onRoom()
  }

  /** Ends both directions with an error. @param reason is shown to the client */
  reset(code: ErrorCode = 'backend_error', reason?: string): void {
    if (this.#error !== undefined) return
    const error = new ExchangeError(
      code,
      `the backend reset the exchange: ${code}`,
      reason === undefined ? {} : { detail: reason },
    )
    this.#outlet.reset(error)
    this.fail(error)
  }

  // What follows is for the transport.

  /** @internal What is sent from now on is one body, whatever the client's protocol calls messages. */
  sendBytes(): void {
    this.#sendsBytes = true
  }

  /** @internal */
  get incoming(): Incoming {
    return this.#incoming
  }

  /** @internal What the client was told; undefined: nothing yet. */
  get status(): number | undefined {
    return this.#status
  }

  /** @internal The exchange is over before its end. */
  fail(error: ExchangeError): void {
    if (this.#error !== undefined) return
    this.#error = error
    this.#incoming.fail(error)
    this.#room?.reject(error)
    this.#room = undefined
    this.#abort.abort(error)
  }

  /** @internal The client has sent all that it will. */
  onClientEnd(closeCode: number | undefined): void {
    this.#closeCode = closeCode
    this.#incoming.end()
  }

  /** @internal */
  onRoom(): void {
    this.#room?.resolve()
    this.#room = undefined
  }
}

/** RFC 6455 section 7.4: 1004 to 1006 and 1015 are never sent, and 1016 to 2999 are nobody's. */
function assertCloseCode(code: number): void {
  const isStandard = code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006)
  if (Number.isInteger(code) && (isStandard || (code >= 3000 && code <= 4999))) return
  throw new RangeError(`a WebSocket cannot be closed with ${code}: use 1000 or one from 3000 to 4999`)
}

function openRoom() {
  let resolve!: () => void
  let reject!: (error: ExchangeError) => void
  const promise = new Promise<void>((onRoom, onReset) => {
    resolve = onRoom
    reject = onReset
  })
  // Seen by whoever awaits it.
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}

/** As it is sent: percent-encoded, where it is not ASCII. */
function isTooLong(text = ''): boolean {
  return (toAsciiValue(text)?.length ?? 0) > MAX_META_CHARS
}

/** Names in lower case; each `set-cookie` stays a field of its own. */
function headerList(init: ExchangeHead['headers']): HeaderList {
  if (init === undefined) return []
  const list: string[] = []
  for (const [name, value] of init instanceof Headers ? init : new Headers(init)) list.push(name, value)
  return list
}
