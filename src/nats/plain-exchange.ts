import type { Msg, MsgHdrs } from 'nats'
import type { WheelEntry } from '../exchange/deadline-wheel.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { BackendSide, ClientSide, RequestHead } from '../exchange/exchange.ts'
import type { Route } from '../exchange/route.ts'
import { type PlainReply, parsePlainReply } from '../wire/plain-reply.ts'
import type { InboxEntry } from './inbox.ts'
import type { Outgoing } from './outbox.ts'
import { ReplyQueue } from './reply-queue.ts'
import type { TransportParts } from './transport.ts'

const EMPTY = new Uint8Array(0)

/** Pauses before OPEN is sent again after a 503; the last one repeats while a request is held. */
const RETRY_DELAYS_MS = [50, 150, 250]
/** A server with peers may say 503 falsely just after a subscription elsewhere; one without never does. */
const CLUSTER_RETRIES = 2

type State = 'buffering' | 'queued' | 'opened' | 'waiting' | 'responding' | 'closed'

/**
 * An exchange with a responder that knows nothing of us: the whole body in one message, one reply or many.
 *
 * States: `buffering` the body comes in -> `queued` in the outbox -> `opened` published -> `responding` many replies
 * come -> `closed`. A 503 leads from `opened` to `waiting`, and from there back to `queued`. From each of them a reset,
 * a deadline or the loss of NATS leads to `closed`, where everything is released.
 */
export class PlainExchange implements BackendSide, InboxEntry, Outgoing, WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1

  readonly subject: string
  readonly reply: string
  readonly headerBlock: Uint8Array
  /** Grows as the body comes in, and may have room to spare until its end. */
  payload: Uint8Array = EMPTY

  readonly #parts: TransportParts
  readonly #route: Omit<Route, 'dispatch'>
  readonly #client: ClientSide
  readonly #token: string
  readonly #maxBodyBytes: number
  #state: State = 'buffering'
  #bodyBytes = 0
  #retries = 0
  /** Until when a request without responders is held; 0: none was missing yet. */
  #holdUntilMs = 0
  /** When `maxDuration` is over; 0: no limit. */
  #endsAtMs = 0
  #queue: ReplyQueue | undefined

  constructor(
    parts: TransportParts,
    route: Omit<Route, 'dispatch'>,
    request: RequestHead,
    client: ClientSide,
    headerBlock: Uint8Array,
    maxBodyBytes: number,
  ) {
    this.#parts = parts
    this.#route = route
    this.#client = client
    this.headerBlock = headerBlock
    this.#maxBodyBytes = maxBodyBytes
    this.subject = request.subject
    this.#token = parts.inbox.add(this)
    this.reply = parts.inbox.replySubject(this.#token)
    if (route.maxDurationMs > 0) {
      this.#endsAtMs = parts.wheel.now() + route.maxDurationMs
      this.#schedule(route.maxDurationMs)
    }
  }

  // The client's side speaks.

  data(chunk: Uint8Array): boolean {
    if (this.#state !== 'buffering') return true
    const start = this.#bodyBytes
    this.#bodyBytes += chunk.length
    if (this.#bodyBytes > this.#maxBodyBytes) {
      this.#fail(new ExchangeError('too_large', `the body has more than ${this.#maxBodyBytes} bytes`))
    } else if (start === 0) {
      this.payload = Uint8Array.prototype.slice.call(chunk)
    } else {
      if (this.#bodyBytes > this.payload.length) this.#growPayload(Math.max(this.#bodyBytes, start * 2))
      this.payload.set(chunk, start)
    }
    return true
  }

  end(): void {
    if (this.#state !== 'buffering') return
    if (this.payload.length > this.#bodyBytes) this.payload = this.payload.subarray(0, this.#bodyBytes)
    this.#send()
  }

  reset(): void {
    this.#close()
  }

  drained(): void {
    const queue = this.#queue
    if (queue === undefined || !queue.drainInto(this.#client)) return
    this.#queue = undefined
    if (queue.ended) this.#finish()
  }

  // The outbox speaks.

  wantsPublish(): boolean {
    if (this.#state !== 'queued') return false
    if (!this.#parts.link.connected) {
      this.onLinkDown()
      return false
    }
    this.#state = 'opened'
    return true
  }

  onPublishFailed(cause: unknown): void {
    this.#fail(new ExchangeError('nats_unavailable', 'the publish failed', { cause }))
  }

  // NATS speaks.

  onMessage(message: Msg): void {
    const { data } = message
    let headers: MsgHdrs | undefined
    try {
      // Decodes and checks them. An error that went on from here would end the client library's read loop.
      headers = message.headers
    } catch (cause) {
      this.#fail(new ExchangeError('backend_error', 'the reply has a malformed header', { cause }))
      return
    }
    if (this.#state === 'opened') {
      if (headers !== undefined && headers.code === 503 && data.length === 0) this.#onNoResponders()
      else this.#onFirstReply(parsePlainReply(headers), data, headers === undefined)
    } else if (this.#state === 'responding') {
      this.#onNextReply(parsePlainReply(headers), data, headers === undefined)
    }
  }

  onLinkDown(): void {
    if (this.#state === 'responding') {
      // Plain replies are not numbered: what was lost on the way cannot be told.
      this.#fail(new ExchangeError('gap', 'NATS was lost in the middle of a response'))
    } else if (this.#state !== 'buffering') {
      this.#fail(new ExchangeError('nats_unavailable', 'NATS was lost before the first reply'))
    }
  }

  onDeadline(): void {
    if (this.#endsAtMs > 0 && this.#parts.wheel.now() >= this.#endsAtMs) {
      this.#fail(new ExchangeError('timeout', 'the exchange took longer than the route allows'))
    } else if (this.#state === 'waiting') {
      this.#send()
    } else if (this.#state === 'opened' || this.#state === 'queued') {
      this.#fail(new ExchangeError('timeout', `no reply within ${this.#route.timeoutMs} ms`))
    } else if (this.#state === 'responding') {
      this.#fail(new ExchangeError('timeout', `no further reply within ${this.#route.idleTimeoutMs} ms`))
    }
  }

  /** One buffer, not a list of chunks: those of a client that sends byte by byte would take hundreds of times its body. */
  #growPayload(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.min(bytes, this.#maxBodyBytes))
    grown.set(this.payload)
    this.payload = grown
  }

  #send(): void {
    this.#state = 'queued'
    this.#schedule(this.#route.timeoutMs)
    this.#parts.outbox.push(this)
  }

  #onNoResponders(): void {
    const { link, wheel, random } = this.#parts
    const { noResponderRetries, holdMs } = this.#route
    const now = wheel.now()
    if (this.#holdUntilMs === 0) this.#holdUntilMs = now + holdMs
    const retries = noResponderRetries ?? (link.clustered ? CLUSTER_RETRIES : 0)
    if (this.#retries >= retries && now >= this.#holdUntilMs) {
      this.#fail(new ExchangeError('no_responders', `nobody listens on ${this.subject}`))
      return
    }
    const delayMs = RETRY_DELAYS_MS[Math.min(this.#retries, RETRY_DELAYS_MS.length - 1)]!
    this.#retries++
    this.#state = 'waiting'
    this.#schedule(delayMs * (0.75 + random() / 2))
  }

  #onFirstReply(reply: PlainReply, data: Uint8Array, isBare: boolean): void {
    const error = replyError(reply) ?? (data.length === 0 ? reply.failure : undefined)
    if (error !== undefined) {
      this.#fail(error)
      return
    }
    const { failure } = reply
    const many = this.#route.reply === 'many' && failure === undefined
    const status = failure?.status ?? reply.status ?? (data.length === 0 && !many ? 204 : 200)
    if (many) {
      this.#state = 'responding'
      this.#client.head({ status, headers: reply.headers, length: -1, messages: true })
      if (isBare && data.length === 0) this.#finish()
      else if (data.length > 0) this.#deliver(reply, data)
      if (this.#state === 'responding') this.#schedule(this.#route.idleTimeoutMs)
      return
    }
    this.#close()
    this.#client.head({ status, headers: reply.headers, length: data.length, messages: false })
    if (data.length > 0) this.#client.data(data)
    this.#client.end()
  }

  #onNextReply(reply: PlainReply, data: Uint8Array, isBare: boolean): void {
    const error = replyError(reply) ?? reply.failure
    if (error !== undefined) {
      this.#fail(error)
      return
    }
    this.#schedule(this.#route.idleTimeoutMs)
    if (data.length > 0) this.#deliver(reply, data)
    else if (isBare && this.#queue === undefined) this.#finish()
    else if (isBare) this.#queue!.ended = true
  }

  #deliver(reply: PlainReply, data: Uint8Array): void {
    if (this.#queue === undefined) {
      if (!this.#client.data(data, reply.meta)) this.#queue = new ReplyQueue()
    } else if (!this.#queue.push(data, reply.meta)) {
      this.#fail(new ExchangeError('too_large', 'the client reads too slowly: the buffer of the response is full'))
    }
  }

  /** The response is whole. */
  #finish(): void {
    if (this.#state === 'closed') return
    this.#close()
    this.#client.end()
  }

  #fail(error: ExchangeError): void {
    if (this.#state === 'closed') return
    this.#close()
    this.#client.reset(error)
  }

  #schedule(delayMs: number): void {
    const { wheel } = this.#parts
    wheel.schedule(this, this.#endsAtMs === 0 ? delayMs : Math.min(delayMs, this.#endsAtMs - wheel.now()))
  }

  #close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#parts.inbox.remove(this.#token)
    this.#parts.wheel.cancel(this)
    this.#queue = undefined
    this.payload = EMPTY
  }
}

function replyError(reply: PlainReply): ExchangeError | undefined {
  return reply.isFrame
    ? new ExchangeError('protocol_error', 'the backend replied with a stream, which this route does not take')
    : reply.error
}
