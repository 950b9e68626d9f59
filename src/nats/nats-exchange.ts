import type { Msg, MsgHdrs } from 'nats'
import type { ByteBudget } from '../exchange/buffer-budget.ts'
import type { WheelEntry } from '../exchange/deadline-wheel.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { BackendSide, ClientSide, HeaderList, MessageMeta, RequestHead } from '../exchange/exchange.ts'
import { type IdentityHolder, Lease } from '../exchange/identity.ts'
import type { Kind, RouteSettings } from '../exchange/route.ts'
import { decodeFrame, isFrame } from '../wire/decode-frame.ts'
import { withMore } from '../wire/open.ts'
import { isPeerSubject } from '../wire/peer-subject.ts'
import { type PlainReply, parsePlainReply } from '../wire/plain-reply.ts'
import { resetError } from '../wire/reset-error.ts'
import type { Stream } from '../wire/stream.ts'
import { type LengthOf, lengthOf, openBackendStream } from './backend-stream.ts'
import { EarlyMessages } from './early-messages.ts'
import { ExchangeWatch } from './exchange-watch.ts'
import type { InboxEntry } from './inbox.ts'
import { OpenAttempts } from './open-attempts.ts'
import type { Outgoing } from './outbox.ts'
import { type Delivery, PlainReplies } from './plain-replies.ts'
import { RequestBody } from './request-body.ts'
import type { TransportParts } from './transport.ts'

const EMPTY = new Uint8Array(0)

/** Of a streamed body, what goes into the OPEN. */
const FIRST_CHUNK_BYTES = 64 * 1024

type State = 'buffering' | 'queued' | 'opened' | 'waiting' | 'responding' | 'streaming' | 'closed'

/**
 * The backend's side of an exchange, whatever the backend speaks.
 *
 * States: `buffering` the body comes in -> `queued` in the outbox -> `opened` published; then a plain reply leads to
 * `responding` if many are to come, a frame of SX/1 to `streaming`, and all of them to `closed`. A 503, or a backend
 * that refuses, leads from `opened` to `waiting`, and from there back to `queued`. From each of them a reset, a deadline
 * or the loss of NATS leads to `closed`, where everything is released; a stream outlives a short loss.
 */
export class NatsExchange implements BackendSide, InboxEntry, Outgoing, WheelEntry, IdentityHolder {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1

  /** In the order of their beginning. */
  readonly number: number
  readonly kind: Kind
  readonly requestId: string
  readonly remote: string
  readonly subject: string
  readonly reply: string
  headerBlock: Uint8Array
  payload: Uint8Array = EMPTY

  readonly #parts: TransportParts
  readonly #route: RouteSettings
  readonly #client: ClientSide
  readonly #watch: ExchangeWatch
  readonly #token: string
  readonly #buffers: ByteBudget
  readonly #windowBytes: number
  readonly #lengthOf: LengthOf
  readonly #maxBodyBytes: number
  #state: State = 'buffering'
  #body: RequestBody | undefined
  /** Of a connection, in place of a body. */
  #early: EarlyMessages | undefined
  /** OPEN has said that the body goes on, and the backend waits for its end. */
  #promisedMore = false
  /** Undefined: the first is not in vain so far. */
  #attempts: OpenAttempts | undefined
  /** When `maxDuration` is over; 0: no limit. */
  #endsAtMs = 0
  #replies: PlainReplies | undefined
  #lease: Lease | undefined
  #stream: Stream | undefined
  #heldBytes = 0

  /** @param maxBodyBytes of a whole body, what fits into one message; of a streamed one, the route's limit */
  constructor(
    parts: TransportParts,
    route: RouteSettings,
    request: RequestHead,
    client: ClientSide,
    headerBlock: Uint8Array,
    windowBytes: number,
    maxBodyBytes: number,
  ) {
    this.#parts = parts
    this.#route = route
    this.#client = client
    this.#watch = new ExchangeWatch(parts.observer, parts.wheel, route.name, request.trace)
    this.headerBlock = headerBlock
    this.#buffers = request.buffers ?? parts.buffers
    this.#windowBytes = windowBytes
    this.#lengthOf = lengthOf(route, request)
    this.#maxBodyBytes = maxBodyBytes
    this.kind = request.kind
    this.requestId = request.requestId
    this.remote = request.remote
    this.subject = request.subject
    this.#token = parts.inbox.add(this)
    this.number = parts.nextNumber()
    this.reply = parts.inbox.replySubject(this.#token)
    if (route.maxDurationMs > 0) {
      this.#endsAtMs = this.#watch.begunMs + route.maxDurationMs
      this.#schedule(route.maxDurationMs)
    }
    // Last: it may end the exchange at once.
    if (request.identity !== undefined) this.#lease = request.lease = new Lease(request.identity, this)
  }

  // Policies speak.

  /** The client is not who it was any more. */
  onRevoked(error: ExchangeError): void {
    this.#fail(error)
  }

  // An operator asks.

  get state(): State {
    return this.#state
  }

  get route(): string {
    return this.#route.name
  }

  get ageMs(): number {
    return this.#parts.wheel.now() - this.#watch.begunMs
  }

  // The client's side speaks.

  /** A connection has no body to wait for: its backend hears of it at once. */
  begin(): void {
    if (this.#state === 'closed') return
    this.#early = new EarlyMessages()
    this.#send()
  }

  /** A client that sends nothing more of a body that is to be whole does not hold the exchange open for ever. */
  expectBody(): void {
    if (this.#state === 'buffering') this.#schedule(this.#route.timeoutMs)
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    if (this.#state === 'closed') return true
    if (this.#early !== undefined) return this.#onMessageOfConnection(this.#early, chunk, meta)
    this.#body ??= new RequestBody(this.#maxBodyBytes)
    const body = this.#body
    const streaming = this.#state === 'streaming'
    if (!(streaming ? body.count(chunk) : body.push(chunk))) {
      this.#fail(new ExchangeError('too_large', `the body has more than ${body.maxBytes} bytes`))
      return true
    }
    if (streaming) return this.#sendOn(chunk, meta)
    if (!this.#hold(this.#heldBytes + chunk.length)) return true
    if (this.#route.body === 'whole') {
      this.expectBody()
      return true
    }
    // The beginning goes out at once; the rest waits for a backend that accepts.
    if (this.#state === 'buffering') this.#send()
    return false
  }

  #onMessageOfConnection(early: EarlyMessages, chunk: Uint8Array, meta: MessageMeta | undefined): boolean {
    if (this.#state === 'streaming') return this.#sendOn(chunk, meta)
    if (!early.push(chunk, meta)) this.#fail(new ExchangeError('too_large', 'too much before a backend has accepted'))
    else this.#hold(this.#heldBytes + chunk.length)
    return false
  }

  #sendOn(chunk: Uint8Array, meta: MessageMeta | undefined): boolean {
    const stream = this.#stream!
    const hasRoom = this.#parts.blocks.send(stream, chunk, meta)
    return !this.#hold(stream.waitingBytes) || hasRoom
  }

  /** So many bytes are kept for this exchange now. False: they are too many, with those of all others. */
  #hold(bytes: number): boolean {
    const change = (this.#state === 'closed' ? 0 : bytes) - this.#heldBytes
    if (change === 0) return true
    this.#heldBytes += change
    if (this.#buffers.hold(change, this.remote)) return true
    // Only as long as nobody has heard of it may it be sent again without a second thought.
    const code = this.#state === 'buffering' ? 'busy' : 'rate_limited'
    this.#fail(new ExchangeError(code, 'too many bytes wait in this router'))
    return false
  }

  end(trailers?: HeaderList, closeCode?: number): void {
    if (this.#body !== undefined) this.#body.ended = true
    if (this.#state === 'buffering') this.#send()
    else if (this.#state === 'streaming') this.#stream!.end(trailers, closeCode)
    else this.#early?.end(trailers, closeCode)
  }

  reset(error: ExchangeError): void {
    this.#stream?.reset(error)
    this.#close()
  }

  drained(): void {
    if (this.#stream !== undefined) this.#stream.drained()
    else if (this.#replies !== undefined) this.#onDelivery(this.#replies.drained())
    this.#watch.onFullness(this.#isClientFull)
  }

  // The outbox speaks.

  wantsPublish(): boolean {
    if (this.#state !== 'queued') return false
    if (!this.#parts.link.connected) {
      this.onLinkDown()
      return false
    }
    if (this.#attempts === undefined) this.#loadOpen()
    this.#state = 'opened'
    this.#watch.onPublish()
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
    if (headers !== undefined && headers.code === 503 && data.length === 0) this.#onNoResponders()
    else if (headers !== undefined && isFrame(headers)) this.#onFrame(headers, data, message.reply)
    else if (this.#state === 'opened') this.#onFirstReply(parsePlainReply(headers), data, headers === undefined)
    else if (this.#state === 'responding') this.#onNextReply(parsePlainReply(headers), data, headers === undefined)
    else this.#stream?.onBroken('a message that is no frame')
  }

  onLinkDown(): void {
    if (this.#state === 'responding') {
      // Plain replies are not numbered: what was lost on the way cannot be told.
      this.#fail(new ExchangeError('gap', 'NATS was lost in the middle of a response'))
    } else if (this.#state === 'streaming') {
      this.#stream!.suspend()
    } else if (this.#state !== 'buffering') {
      this.#fail(new ExchangeError('nats_unavailable', 'NATS was lost before the first reply'))
    }
  }

  /** NATS is back, and interest has had time to spread. */
  onLinkUp(): void {
    if (this.#state !== 'streaming') return
    this.#stream!.resume()
    this.#scheduleTick()
  }

  /** Nothing comes or goes on the stream any more. */
  onStreamClosed(): void {
    this.#close()
  }

  /** NATS has been gone for longer than a stream may be interrupted. */
  onLinkLost(): void {
    if (this.#state === 'streaming') this.#fail(new ExchangeError('gap', 'NATS was gone for too long'))
  }

  onDeadline(): void {
    if (this.#endsAtMs > 0 && this.#parts.wheel.now() >= this.#endsAtMs) {
      this.#fail(new ExchangeError('timeout', 'the exchange took longer than the route allows'))
    } else if (this.#state === 'buffering') {
      this.#fail(new ExchangeError('timeout', `nothing more of the body within ${this.#route.timeoutMs} ms`))
    } else if (this.#state === 'waiting') {
      this.#watch.onRetry(this.#attempt)
      this.#send()
    } else if (this.#state === 'opened' || this.#state === 'queued') {
      this.#fail(new ExchangeError('timeout', `no reply within ${this.#route.timeoutMs} ms`))
    } else if (this.#state === 'responding') {
      this.#fail(new ExchangeError('timeout', `no further reply within ${this.#route.idleTimeoutMs} ms`))
    } else if (this.#state === 'streaming') {
      this.#scheduleTick()
    }
  }

  get #isClientFull(): boolean {
    return this.#state !== 'closed' && (this.#stream?.isFull ?? this.#replies?.isClientFull ?? false)
  }

  /** How often OPEN has been or is now to be sent. */
  get #attempt(): number {
    return 1 + (this.#attempts?.count ?? 0)
  }

  #send(): void {
    this.#state = 'queued'
    this.#schedule(this.#route.timeoutMs)
    this.#parts.outbox.push(this)
  }

  #loadOpen(): void {
    const body = this.#body
    if (this.#early?.more) this.#promiseMore()
    if (body === undefined) return
    if (this.#route.body === 'whole') {
      this.payload = body.take(Infinity)
      return
    }
    const room = Math.max(0, this.#parts.link.maxPayload - this.headerBlock.length - 1024)
    this.payload = body.take(Math.min(FIRST_CHUNK_BYTES, room))
    if (body.more) this.#promiseMore()
  }

  #promiseMore(): void {
    this.#promisedMore = true
    this.headerBlock = withMore(this.headerBlock)
  }

  #onNoResponders(): void {
    if (this.#state === 'streaming') this.#stream!.onPeerGone()
    if (this.#state !== 'opened') return
    const { link, wheel, random } = this.#parts
    this.#watch.onNoResponders(this.#attempt)
    this.#attempts ??= new OpenAttempts(random)
    const delayMs = this.#attempts.onNoResponders(this.#route, link.clustered, wheel.now())
    if (delayMs !== undefined) this.#wait(delayMs)
    else this.#fail(new ExchangeError('no_responders', `nobody listens on ${this.subject}`))
  }

  /** Until OPEN is sent again. */
  #wait(delayMs: number): void {
    this.#state = 'waiting'
    this.#schedule(delayMs)
  }

  #onFrame(headers: MsgHdrs, data: Uint8Array, replySubject: string | undefined): void {
    if (this.#state !== 'opened' && this.#state !== 'streaming') return
    const frame = decodeFrame(headers, data)
    if (frame.type === 'ignored') return
    const isFirst = this.#state === 'opened'
    if (isFirst) {
      this.#watch.onFirstReply()
      if (frame.type === 'reset') this.#onRefused(resetError(frame.code, frame.status, frame.reason))
      else if (frame.type !== 'accept' && frame.type !== 'head') {
        this.#fail(new ExchangeError('protocol_error', `the first frame is neither accept nor head: ${frame.type}`))
      } else if (!isPeerSubject(replySubject) || this.#parts.inbox.owns(replySubject)) {
        this.#fail(new ExchangeError('protocol_error', `the first frame has no fit reply subject: ${replySubject}`))
      } else this.#openStream(replySubject)
    }
    const stream = this.#stream
    if (stream === undefined) return
    if (frame.type === 'broken') stream.onBroken(frame.reason)
    else {
      if (frame.type === 'head') this.#watch.onHead()
      stream.onFrame(frame)
    }
    if (this.#heldBytes > 0) this.#hold(stream.waitingBytes)
    if (stream.isFull) this.#watch.onFullness(this.#isClientFull)
    if (isFirst) this.#sendRest(stream)
  }

  #openStream(backendSubject: string): void {
    this.#state = 'streaming'
    this.#watch.onAccepted(backendSubject)
    // OPEN is not sent again, and connections last.
    this.headerBlock = EMPTY
    this.payload = EMPTY
    this.#stream = openBackendStream(this.#parts, {
      client: this.#client,
      messages: this.#route.reply === 'many',
      lengthOf: this.#lengthOf,
      backendSubject,
      replySubject: this.reply,
      sends: this.#promisedMore,
      windowBytes: this.#windowBytes,
      owner: this,
    })
    this.#scheduleTick()
  }

  /** The backend has accepted: what of the body has waited for that goes now. */
  #sendRest(stream: Stream): void {
    const body = this.#body
    if (!this.#promisedMore || stream.closed) return
    if (this.#early?.sendInto(stream)) this.#client.drained()
    if (body === undefined) return
    const rest = body.take(Infinity)
    const room = rest.length === 0 || stream.data(rest)
    if (body.ended) stream.end()
    else if (room) this.#client.drained()
    this.#hold(stream.waitingBytes)
  }

  /** Nothing was processed, so another backend may be asked while we hold all of the body that was sent. */
  #onRefused(error: ExchangeError): void {
    this.#watch.onRefused(this.#attempt, error.code)
    this.#attempts ??= new OpenAttempts(this.#parts.random)
    const isBusy = error.code === 'busy' || error.code === 'draining'
    const delayMs = isBusy ? this.#attempts.onRefused() : undefined
    if (delayMs !== undefined) this.#wait(delayMs)
    else this.#fail(error)
  }

  #onFirstReply(reply: PlainReply, data: Uint8Array, isBare: boolean): void {
    const error = reply.error ?? (data.length === 0 ? reply.failure : undefined)
    if (error !== undefined) {
      this.#watch.onFirstReply()
      this.#fail(error)
      return
    }
    this.#watch.onReply()
    const { failure } = reply
    const many = this.#route.reply === 'many' && failure === undefined
    const status = failure?.status ?? reply.status ?? (data.length === 0 && !many ? 204 : 200)
    if (many) {
      this.#state = 'responding'
      this.payload = EMPTY
      const replies = new PlainReplies(this.#client)
      this.#replies = replies
      this.#client.head({ status, headers: reply.headers, length: -1, messages: true })
      // The client may have had enough with the head, and what comes is ignored then.
      this.#onDelivery(replies.deliver(reply, data, isBare))
      return
    }
    this.#close()
    this.#client.head({ status, headers: reply.headers, length: data.length, messages: false })
    if (data.length > 0) this.#client.data(data)
    this.#client.end()
  }

  #onNextReply(reply: PlainReply, data: Uint8Array, isBare: boolean): void {
    const error = reply.error ?? reply.failure
    if (error !== undefined) this.#fail(error)
    else this.#onDelivery(this.#replies!.deliver(reply, data, isBare))
  }

  #onDelivery(delivery: Delivery): void {
    if (this.#state !== 'responding' || !this.#hold(this.#replies!.queuedBytes)) return
    if (this.#replies!.isClientFull) this.#watch.onFullness(true)
    if (delivery === 'going on') this.#schedule(this.#route.idleTimeoutMs)
    else if (delivery === 'whole') this.#finish()
    else this.#fail(delivery)
  }

  /** The response is whole. */
  #finish(): void {
    this.#close()
    this.#client.end()
  }

  /** Both ends hear of it. */
  #fail(error: ExchangeError): void {
    if (this.#state === 'closed') return
    // First: the stream tells us that it is closed, and the client would never hear of what is over already.
    this.#close()
    this.#stream?.reset(error)
    this.#client.reset(error)
  }

  #schedule(delayMs: number): void {
    const { wheel } = this.#parts
    wheel.schedule(this, this.#endsAtMs === 0 ? delayMs : Math.min(delayMs, this.#endsAtMs - wheel.now()))
  }

  #scheduleTick(): void {
    const delayMs = this.#stream!.onTick()
    if (this.#state !== 'streaming') return
    if (delayMs !== undefined) this.#schedule(delayMs)
    else if (this.#endsAtMs > 0) this.#schedule(Number.MAX_SAFE_INTEGER)
  }

  #close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#hold(0)
    this.#parts.inbox.remove(this.#token)
    this.#lease?.end()
    this.#parts.wheel.cancel(this)
    this.#watch.onFullness(false)
    this.#body = undefined
    this.#early = undefined
    this.#replies = undefined
    this.payload = EMPTY
  }
}
