import { headers as createHeaders, type Msg, type NatsConnection } from 'nats'
import { ERRORS, ExchangeError } from '../exchange/errors.ts'
import type { HeaderList, ResponseHead } from '../exchange/exchange.ts'
import { isForwardable, toAsciiValue } from '../wire/header-field.ts'
import { cutReason } from '../wire/reset-reason.ts'
import { BackendExchange, type Outlet } from './exchange.ts'
import { exchangeRequest } from './exchange-request.ts'
import { type ExchangeHandler, type ReportError, runHandler } from './handler.ts'
import { publish } from './publish.ts'

/** Of max_payload, for the headers of the reply. */
const HEADER_ROOM_BYTES = 16 * 1024

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
  respond(nats, message, status, [], Buffer.from(title))
}

/** Gathers what a handler sends. */
class PlainReply implements Outlet {
  readonly #options: PlainOptions
  readonly #onTooLarge: (error: ExchangeError) => void
  readonly #chunks: Uint8Array[] = []
  #bytes = 0
  #status = 200
  #headers: HeaderList = []
  #over = false

  /** @param onTooLarge the reply is answered with an error, and the exchange is over */
  constructor(options: PlainOptions, onTooLarge: (error: ExchangeError) => void) {
    this.#options = options
    this.#onTooLarge = onTooLarge
  }

  head({ status, headers }: Pick<ResponseHead, 'status' | 'headers'>): void {
    this.#status = status
    this.#headers = headers
  }

  data(chunk: Uint8Array): boolean {
    if (this.#over) return true
    const maxBytes = (this.#options.nats.info?.max_payload ?? 1024 * 1024) - HEADER_ROOM_BYTES
    this.#bytes += chunk.length
    if (this.#bytes > maxBytes) {
      const error = new ExchangeError('too_large', `a plain reply is one message and may have ${maxBytes} bytes`)
      this.#chunks.length = 0
      this.reset(error)
      this.#onTooLarge(error)
      return true
    }
    // The handler may use its buffer again once it is told that there is room.
    this.#chunks.push(Buffer.from(chunk))
    return true
  }

  end(): void {
    this.#respond(this.#status, this.#headers, Buffer.concat(this.#chunks))
  }

  reset(error: ExchangeError): void {
    const status = error.code === 'too_large' ? ERRORS.internal.status : error.status
    this.#respond(status, [], Buffer.from(cutReason(error.detail ?? ERRORS[error.code].title)))
  }

  drained(): void {}

  #respond(status: number, headers: HeaderList, payload: Uint8Array): void {
    if (this.#over) return
    this.#over = true
    respond(this.#options.nats, this.#options.message, status, headers, payload)
  }
}

function respond(nats: NatsConnection, message: Msg, status: number, list: HeaderList, payload: Uint8Array): void {
  if (message.reply === undefined || message.reply === '') return
  const headers = createHeaders()
  headers.append('Sx-Status', String(status))
  for (let i = 0; i < list.length; i += 2) {
    const value = toAsciiValue(list[i + 1]!)
    if (value !== undefined && isForwardable(list[i]!)) headers.append(list[i]!, value)
  }
  publish(nats, message.reply, payload, { headers })
}
