import type { ByteBudget } from '../../exchange/buffer-budget.ts'
import type { WheelEntry } from '../../exchange/deadline-wheel.ts'
import { ERRORS, type ErrorCode, ExchangeError } from '../../exchange/errors.ts'
import type { IdentityHolder } from '../../exchange/identity.ts'
import { MAX_BODY_BYTES, type MuxAuth, type MuxBody, type MuxFrame, type MuxOpen } from '../framing/mux-frame.ts'
import { ConnectionCredential } from './connection-credential.ts'
import type { ExchangeOwner } from './exchange-owner.ts'
import { toBytes } from './frame-body.ts'
import { MuxExchange } from './mux-exchange.ts'
import { type FrameReader, MuxInput } from './mux-input.ts'
import { MuxOutput } from './mux-output.ts'
import type { MuxParts } from './mux-parts.ts'
import type { MuxConnection, MuxEncoding, MuxPeer, MuxSocket } from './mux-socket.ts'
import { type OpenRequest, readOpen } from './open-request.ts'
import { authorizationOf } from './renew-credential.ts'

/** A WebSocket has pings of its own. */
const TCP_PING_EVERY_MS = 25_000

/** Of the time to drain, kept for telling the client: at the end of it the listener cuts the connection off. */
const LAST_WORDS_MS = 250

/**
 * After a goaway, for the client to hear of it and to close by itself. What it sends before it has heard is refused, which
 * it may repeat; to a connection that is closed it would be lost, which it may not.
 */
const LEAVE_MS = 1000

const CLOSE_NORMAL = 1000
const CLOSE_DUPLICATE_ID = 4409
const CLOSE_TRY_LATER = 1013

const NO_BYTES = new Uint8Array(0)

/**
 * The router's end of one multiplexed connection.
 *
 * States: `open` -> `draining` after a goaway: no new exchanges, and the connection closes a moment after the last one, if
 * the client has not -> `closed`.
 * What is not a frame, or a frame that no client may send, leads to `closed` from anywhere.
 */
export class MuxSession implements MuxConnection, FrameReader, ExchangeOwner, IdentityHolder, WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1

  readonly parts: MuxParts
  readonly output: MuxOutput
  readonly #peer: MuxPeer
  readonly #input: MuxInput
  readonly #credential: ConnectionCredential
  #state: 'open' | 'draining' | 'closed' = 'open'
  #clientEnded = false
  /** Not before the first: most connections of a router are idle. */
  #exchanges: Map<number, MuxExchange> | undefined
  /** As with the exchanges. */
  #buffers: ByteBudget | undefined
  /** The highest id that the client has used. */
  #lastId = 0
  #drainEndsAtMs = 0

  constructor(parts: MuxParts, peer: MuxPeer, socket: MuxSocket) {
    this.parts = parts
    this.#peer = peer
    this.#input = new MuxInput(parts, peer, this)
    this.output = new MuxOutput(socket, peer.encoding, parts.flushes, this)
    this.#credential = new ConnectionCredential(peer.headers, this.output, this)
    if (peer.kind === 'tcp') parts.wheel.schedule(this, TCP_PING_EVERY_MS)
  }

  get encoding(): MuxEncoding {
    return this.#peer.encoding
  }

  get clientEnded(): boolean {
    return this.#clientEnded
  }

  get openExchanges(): number {
    return this.#exchanges?.size ?? 0
  }

  // The connection speaks.

  onFrame(message: string | Uint8Array): void {
    this.#input.onMessage(message)
  }

  onBytes(chunk: Uint8Array): void {
    this.#input.onBytes(chunk)
  }

  onWritable(): void {
    this.output.onWritable()
  }

  onEnded(): void {
    if (this.#clientEnded || this.#state === 'closed') return
    this.#clientEnded = true
    for (const exchange of this.#underWay()) exchange.onClientEnded()
    this.#closeIfOver()
  }

  onClosed(): void {
    this.output.drop()
    this.#end(new ExchangeError('client_gone', 'the client closed the connection'))
  }

  drain(graceMs: number): void {
    if (this.#state === 'closed') return
    const ownMs = Math.floor(graceMs - Math.min(LAST_WORDS_MS, graceMs / 10))
    if (this.#state === 'open') {
      this.#state = 'draining'
      this.output.write({ t: 'goaway', lastId: this.#lastId, grace: ownMs })
    }
    if (ownMs === 0) {
      this.#cut()
      return
    }
    const { wheel } = this.parts
    this.#drainEndsAtMs = wheel.now() + ownMs
    wheel.schedule(this, ownMs)
    this.#closeIfOver()
  }

  onDeadline(): void {
    if (this.#state === 'draining') {
      this.#cut()
      return
    }
    this.output.write({ t: 'ping' })
    this.parts.wheel.schedule(this, TCP_PING_EVERY_MS)
  }

  /** The client does not read the answers to what it sends. */
  onBacklog(): void {
    this.parts.limitObserver.onLimit('slow_reader', this.#peer.remote)
    this.#close(CLOSE_TRY_LATER, 'too many answers are unread', new ExchangeError('client_gone', 'it does not read'))
  }

  onExchangeClosed(id: number, request: OpenRequest): void {
    this.#exchanges?.delete(id)
    if (this.#isClosed()) return
    this.#credential.onExchangeClosed(request)
    this.#closeIfOver()
  }

  onExchangeReset(request: OpenRequest, error: ExchangeError): void {
    if (this.#credential.hasEnded(request, error)) this.onRevoked(error)
  }

  /**
   * What the credential of the connection has proved holds no more: neither does what was let in by that, nor the
   * connection, unless something goes on by what it has proved elsewhere.
   */
  onRevoked(error: ExchangeError): void {
    let goesOn = false
    for (const exchange of this.#underWay()) {
      if (!this.#credential.hasProved(exchange.request)) continue
      if (exchange.request.identity!.isOver) exchange.fail(error)
      else goesOn = true
    }
    if (this.#isClosed()) return
    if (goesOn) {
      this.#credential.close()
      return
    }
    const detail = 'The credential of the connection has expired or is revoked'
    this.output.write({ t: 'goaway', lastId: this.#lastId, grace: 0, code: 'unauthorized', detail })
    this.#close(ERRORS.unauthorized.close, 'unauthorized', error)
  }

  // The client speaks.

  onClientFrame(frame: MuxFrame): void {
    switch (frame.t) {
      case 'open':
        this.#onOpen(frame)
        break
      case 'data': {
        const bytes = this.#bytesOf(frame.body)
        if (bytes !== undefined) this.#find(frame.id)?.onData(frame.body, bytes, frame.fin, frame.end === true)
        break
      }
      case 'end':
        this.#find(frame.id)?.onEnd(sendableCloseCode(frame.close))
        break
      case 'reset':
        this.#find(frame.id)?.onReset()
        break
      case 'credit':
        this.#find(frame.id)?.onCredit(frame.to)
        break
      case 'auth':
        this.#onAuth(frame)
        break
      case 'ping':
        this.output.write({ t: 'pong' })
        break
      case 'pong':
        break
      case 'head':
      case 'goaway':
        this.onFault('bad_request', `a ${frame.t}, which only the router sends`)
        break
    }
  }

  #onOpen(open: MuxOpen): void {
    if (open.id <= this.#lastId) {
      this.onFault('bad_request', `the id ${open.id} after ${this.#lastId}`, CLOSE_DUPLICATE_ID)
      return
    }
    const body = open.body === undefined ? NO_BYTES : this.#bytesOf(open.body)
    if (body === undefined) return
    this.#lastId = open.id
    const { parts } = this
    this.#buffers ??= parts.buffers.forConnection()
    const request = readOpen(open, body.length, this.#peer, this.#credential.fields, this.#buffers, parts)
    const exchange = new MuxExchange(this, open, request)
    if (this.#state === 'draining') exchange.reset(new ExchangeError('draining', 'an open after the goaway'))
    else if (this.openExchanges >= parts.maxExchanges) {
      parts.limitObserver.onLimit('streams', this.#peer.remote)
      exchange.reset(new ExchangeError('busy', `more than ${parts.maxExchanges} exchanges on one connection`))
    } else {
      this.#exchanges ??= new Map()
      this.#exchanges.set(open.id, exchange)
      exchange.begin(open, body)
    }
  }

  #onAuth({ token }: MuxAuth): void {
    const authorization = authorizationOf(token)
    if (authorization === undefined) {
      this.onFault('bad_request', 'an auth without a token that a header field can hold')
      return
    }
    const requests = this.#underWay().map(({ request }) => request)
    this.#credential.renew(authorization, requests)
  }

  /** Undefined with an exchange that is over, of which late frames are no fault; any other is a fault of the client. */
  #find(id: number): MuxExchange | undefined {
    const exchange = this.#exchanges?.get(id)
    if (exchange === undefined && id > this.#lastId) this.onFault('bad_request', `the id ${id}, which was never opened`)
    return exchange
  }

  /** Undefined if it is too much, which ends the session. */
  #bytesOf(body: MuxBody): Uint8Array | undefined {
    const bytes = toBytes(body)
    if (bytes.length <= MAX_BODY_BYTES) return bytes
    this.onFault('too_large', `a body of ${bytes.length} bytes in one frame, and ${MAX_BODY_BYTES} are allowed`)
    return undefined
  }

  /** The client breaks the protocol: it is told how, and where the next frame begins is nobody's business any more. */
  onFault(code: ErrorCode, fault: string, closeCode: number = ERRORS[code].close): void {
    if (this.#isClosed()) return
    if (code === 'too_large') this.parts.limitObserver.onLimit('message_bytes', this.#peer.remote)
    this.output.write({ t: 'goaway', lastId: this.#lastId, grace: 0, code, detail: `The client sent ${fault}` })
    this.#close(
      closeCode,
      ERRORS[code].title,
      new ExchangeError('client_gone', `the client broke the protocol: ${fault}`),
    )
  }

  // The end.

  /** The time to drain is over. */
  #cut(): void {
    const error = new ExchangeError('draining', 'the router stops')
    for (const exchange of this.#underWay()) exchange.fail(error)
    this.#close(ERRORS.draining.close, 'the router stops')
  }

  #closeIfOver(): void {
    if (this.openExchanges > 0 || this.#isClosed()) return
    if (this.#state === 'draining' && !this.#clientEnded) {
      const { wheel } = this.parts
      wheel.schedule(this, Math.max(0, Math.min(LEAVE_MS, this.#drainEndsAtMs - wheel.now())))
    } else if (this.#state === 'draining') this.#close(ERRORS.draining.close, 'the router stops')
    else if (this.#clientEnded) this.#close(CLOSE_NORMAL, '')
  }

  #close(code: number, reason: string, error?: ExchangeError): void {
    if (this.#isClosed()) return
    this.#end(error)
    this.output.close(code, reason)
  }

  /** Lets go of everything but the socket. */
  #end(error: ExchangeError | undefined): void {
    if (this.#isClosed()) return
    this.#state = 'closed'
    this.parts.wheel.cancel(this)
    this.#input.close()
    this.#credential.close()
    if (error !== undefined) for (const exchange of this.#underWay()) exchange.stop(error)
    this.#exchanges = undefined
  }

  /** A copy: they leave the map as they end. */
  #underWay(): readonly MuxExchange[] {
    return [...(this.#exchanges?.values() ?? [])]
  }

  /** Asked anew where a call in between may have closed it. */
  #isClosed(): boolean {
    return this.#state === 'closed'
  }
}

/** What RFC 6455 section 7.4 lets an endpoint send; any other is as good as none. */
function sendableCloseCode(code: number | undefined): number | undefined {
  if (code === undefined || code < 1000 || code > 4999) return undefined
  return (code >= 1004 && code <= 1006) || (code >= 1015 && code <= 2999) ? undefined : code
}
