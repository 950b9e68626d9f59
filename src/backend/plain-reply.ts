import type { Msg, MsgHdrs, NatsConnection } from 'nats'
import { ERRORS, ExchangeError } from '../exchange/errors.ts'
import type { HeaderList, ResponseHead } from '../exchange/exchange.ts'
import { EncodedHeaders } from '../nats/encoded-headers.ts'
import { isForwardable, toAsciiValue } from '../wire/header-field.ts'
import { cutReason } from '../wire/reset-reason.ts'
import { BackendExchange, type Outlet } from './exchange.ts'
import { exchangeRequest } from './exchange-request.ts'
import { type ExchangeHandler, type ReportError, runHandler } from './handler.ts'
import { publish } from './publish.ts'

export interface PlainOptions {
  readonly nats: NatsConnection
  readonly message: Msg
  readonly onError: ReportError
  readonly maxMessageBytes: number
}

/**
 * Answers a plain NATS request, as `nats req` makes it, with the same handler: all that it sends goes back as one
 * message.
 * @returns the exchange, and when its handler is done
 */
export function answerPlain(options: PlainOptions, handler: ExchangeHandler) {
  const { message, onError, maxMessageBytes } = options
  const list: string[] = []
  for (const [name, values] of message.headers ?? []) for (const value of values) list.push(name.toLowerCase(), value)
  const request = exchangeRequest(list, message.subject, message.data.length > 0 ? 'POST' : 'GET')
  const reply = new PlainReply(options, (error) => {
    onError(error, request)
    exchange.fail(error)
  })
  const exchange = new BackendExchange(request, reply, maxMessageBytes)
  if (message.data.length > 0) exchange.incoming.first(message.data)
  exchange.incoming.end()
  return { exchange, done: runHandler(exchange, handler, onError) }
}

/** Tells whoever made a plain request that it was not taken. */
export function refusePlain(nats: NatsConnection, message: Msg, code: 'busy' | 'draining'): void {
  const { status, title } = ERRORS[code]
  respond(nats, message, encodeHead(status, []), Buffer.from(title))
}

/** Gathers what a handler sends. */
class PlainReply implements Outlet {
  readonly #options: PlainOptions
  readonly #onTooLarge: (error: ExchangeError) => void
  #head: Uint8Array = new Uint8Array(0)
  readonly #chunks: Uint8Array[] = []
  /** Of head and chunks. */
  #bytes = 0
  #over = false

  /** @param onTooLarge the request is answered with an error, and the exchange is over */
  constructor(options: PlainOptions, onTooLarge: (error: ExchangeError) => void) {
    this.#options = options
    this.#onTooLarge = onTooLarge
  }

  head({ status, headers }: Pick<ResponseHead, 'status' | 'headers'>): void {
    this.#head = encodeHead(status, headers)
    this.#fits(this.#head.length)
  }

  data(chunk: Uint8Array): boolean {
    // The handler may use its buffer again once it is told that there is room.
    if (this.#fits(chunk.length)) this.#chunks.push(Buffer.from(chunk))
    return true
  }

  end(): void {
    // By now the server may be another one, which takes less.
    if (this.#fits(0)) this.#respond(this.#head, Buffer.concat(this.#chunks))
  }

  reset(error: ExchangeError): void {
    this.#respond(encodeHead(error.status, []), Buffer.from(cutReason(error.detail ?? ERRORS[error.code].title)))
  }

  drained(): void {}

  /** Whether there is room for this too; without, that is the answer: the client library would throw. */
  #fits(bytes: number): boolean {
    if (this.#over) return false
    const maxBytes = this.#options.nats.info?.max_payload ?? 1024 * 1024
    this.#bytes += bytes
    if (this.#bytes <= maxBytes) return true
    const error = new ExchangeError(
      'too_large',
      `a plain reply is one message, of ${maxBytes} bytes with its headers`,
      // It is not the request that is too large.
      { status: ERRORS.internal.status },
    )
    this.#chunks.length = 0
    this.reset(error)
    this.#onTooLarge(error)
    return false
  }

  #respond(head: Uint8Array, payload: Uint8Array): void {
    if (this.#over) return
    this.#over = true
    respond(this.#options.nats, this.#options.message, head, payload)
  }
}

function respond(nats: NatsConnection, message: Msg, head: Uint8Array, payload: Uint8Array): void {
  if (message.reply === undefined || message.reply === '') return
  publish(nats, message.reply, payload, { headers: new EncodedHeaders(head) as unknown as MsgHdrs })
}

/** The header block of a plain reply. @param list names in lower case */
function encodeHead(status: number, list: HeaderList): Uint8Array {
  let fields = `Sx-Status: ${status}\r\n`
  for (let i = 0; i < list.length; i += 2) {
    const value = toAsciiValue(list[i + 1]!)
    if (value !== undefined && isForwardable(list[i]!)) fields += `${list[i]}: ${value}\r\n`
  }
  return Buffer.from(`NATS/1.0\r\n${fields}\r\n`, 'latin1')
}
