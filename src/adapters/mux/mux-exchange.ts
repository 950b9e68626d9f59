import { CLOSED_SIDE, resetUnwanted } from '../../exchange/closed-side.ts'
import type { WheelEntry } from '../../exchange/deadline-wheel.ts'
import { ERRORS, ExchangeError } from '../../exchange/errors.ts'
import type { BackendSide, ClientSide, HeaderList, MessageMeta, ResponseHead } from '../../exchange/exchange.ts'
import { isDuplex } from '../../exchange/route.ts'
import type { MuxBody, MuxOpen } from '../framing/mux-frame.ts'
import type { ExchangeOwner } from './exchange-owner.ts'
import { findRoute } from './find-route.ts'
import { toMeta } from './frame-body.ts'
import type { Sender } from './mux-output.ts'
import type { OpenRequest } from './open-request.ts'
import { RequestFlow } from './request-flow.ts'
import { toReset } from './reset-frame.ts'
import { ResponseFlow } from './response-flow.ts'

type State = 'waiting' | 'responding' | 'ended' | 'closed'

/**
 * The client of one exchange of a multiplexed connection.
 *
 * States, of the response: `waiting` for the head -> `responding` -> `ended` all was handed to us, and what is left waits
 * for credit or a turn. Once it is sent, a request is `closed`; a duplex, whose directions end by themselves, when the
 * client's has ended too. A reset from either side, the deadline and the end of the connection lead to `closed` from
 * anywhere.
 */
export class MuxExchange implements ClientSide, Sender, WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1
  debtBytes = 0

  readonly #owner: ExchangeOwner
  readonly #id: number
  readonly #request: OpenRequest
  readonly #startedMs: number
  #state: State = 'waiting'
  #backend: BackendSide = CLOSED_SIDE
  readonly #response: ResponseFlow
  /** Undefined: all of the request was in its `open`. */
  #body: RequestFlow | undefined
  #isDuplex = false
  /** That wait for the backend or for the client. */
  #heldBytes = 0
  #bytesIn = 0
  #bytesOut = 0
  #status = 0

  constructor(owner: ExchangeOwner, open: MuxOpen, request: OpenRequest) {
    const { wheel, observer } = owner.parts
    this.#owner = owner
    this.#id = open.id
    this.#request = request
    this.#startedMs = wheel.now()
    this.#response = new ResponseFlow(open.id, request, owner.encoding, open.credit)
    observer.begun()
  }

  /** As it goes on. */
  get request(): OpenRequest {
    return this.#request
  }

  // The connection speaks.

  /** Finds the backend. The exchange may be over when this returns. */
  begin(open: MuxOpen, body: Uint8Array): void {
    const request = this.#request
    const error = request.fault ?? findRoute(this.#owner.parts.routing, request)
    if (error !== undefined) {
      this.reset(error)
      return
    }
    const route = request.route!
    this.#isDuplex = isDuplex(route)
    if (open.deadline !== undefined) this.#owner.parts.wheel.schedule(this, open.deadline)
    const backend = route.dispatch(request, this)
    if (this.#isClosed()) {
      resetUnwanted(backend)
      return
    }
    this.#backend = backend
    if (open.more === true) this.#body = new RequestFlow(backend)
    if (open.body !== undefined) this.#push(open.body, body, undefined)
    if (open.more !== true && !this.#isClosed()) backend.end()
  }

  onData(body: MuxBody, bytes: Uint8Array, fin: false | undefined, isLast: boolean): void {
    if (this.#body === undefined || this.#body.ended) {
      this.fail(badRequest('data after the end'))
      return
    }
    this.#push(body, bytes, fin)
    if (isLast) this.onEnd(undefined)
  }

  onEnd(closeCode: number | undefined): void {
    if (this.#isClosed()) return
    if (this.#body === undefined || this.#body.ended) this.fail(badRequest('a second end'))
    else {
      this.#body.end(closeCode)
      this.#afterBody(this.#body)
    }
  }

  onReset(): void {
    this.stop(new ExchangeError('client_gone', 'the client has reset the exchange'))
  }

  onCredit(credit: number): void {
    this.#response.grant(credit)
    this.takeTurn()
  }

  /** The client says nothing more. A request of which a part is missing is not one. */
  onClientEnded(): void {
    const body = this.#body
    if (body !== undefined && !body.ended) {
      if (this.#isDuplex) this.onEnd(undefined)
      else this.fail(new ExchangeError('client_gone', 'the client ended the connection within a request'))
    }
    this.#failIfStuck()
  }

  /** Ends without a word to the client, who is gone or has asked for it. */
  stop(error: ExchangeError): void {
    const backend = this.#backend
    this.#close(error)
    backend.reset(error)
  }

  /** There is credit or room on the connection for more of the response. */
  takeTurn(): void {
    if (this.#isClosed()) return
    const wasFull = this.#response.holdsChunk
    this.#send()
    if (this.#heldBytes > 0) this.#hold()
    if (wasFull && this.#state === 'responding' && !this.#response.holdsChunk) this.#backend.drained()
  }

  onDeadline(): void {
    this.fail(new ExchangeError('timeout', 'no response head within the deadline of the client'))
  }

  // The backend speaks.

  head(head: ResponseHead): void {
    if (this.#state !== 'waiting') return
    if (!this.#response.head(head)) {
      this.fail(new ExchangeError('backend_error', 'the header fields of the response are too large'))
      return
    }
    this.#owner.parts.wheel.cancel(this)
    this.#status = head.status
    this.#state = 'responding'
    if (this.#response.awaitsBody) return
    if (!this.#response.isBodyless) {
      this.#send()
      return
    }
    // None of the body is for this client, so that there is nothing to wait for.
    const backend = this.#backend
    this.end()
    backend.reset(new ExchangeError('client_gone', 'the response has no content'))
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    if (this.#state !== 'responding' || this.#response.isBodyless) return true
    if (this.#response.holdsChunk) {
      this.fail(new ExchangeError('internal', 'the backend side sends although it was told to wait'))
      return true
    }
    this.#bytesOut += chunk.length
    this.#response.put(chunk, meta)
    if (this.#response.ended) this.#state = 'ended'
    this.#send()
    if (this.#isClosed() || !this.#response.holdsChunk) return true
    this.#response.keep()
    return !this.#hold()
  }

  end(_trailers?: HeaderList, closeCode?: number): void {
    if (this.#state !== 'responding') return
    this.#state = 'ended'
    this.#response.end(closeCode)
    this.#send()
  }

  reset(error: ExchangeError): void {
    if (this.#state === 'closed') return
    this.#tell(error, ERRORS[error.code].retry === 'yes' && this.#state === 'waiting')
    this.#close(error)
    this.#owner.onExchangeReset(this.#request, error)
  }

  /** The backend has room for more of the request. */
  drained(): void {
    if (this.#body === undefined) return
    this.#body.drained()
    this.#afterBody(this.#body)
  }

  // Between the two.

  #push(body: MuxBody, bytes: Uint8Array, fin: false | undefined): void {
    this.#bytesIn += bytes.length
    const meta = this.#isDuplex ? toMeta(body, fin) : undefined
    if (this.#body === undefined) {
      if (bytes.length > 0 || this.#isDuplex) this.#backend.data(bytes, meta)
      return
    }
    const fault = this.#body.push(bytes, meta)
    if (fault === 'overrun') this.fail(badRequest('more data than the credit covers'))
    else if (fault === 'too many') this.fail(new ExchangeError('too_large', 'too many frames wait for the backend'))
    else this.#afterBody(this.#body)
  }

  #afterBody(body: RequestFlow): void {
    if (this.#isClosed() || !this.#hold()) return
    if (this.#response.done && body.done) {
      this.#close(undefined)
      return
    }
    const to = body.takeGrant()
    if (to !== undefined) this.#owner.output.write({ t: 'credit', id: this.#id, to })
  }

  /** Counts what waits. False: it is too much, with that of all others. */
  #hold(): boolean {
    const bytes = this.#isClosed() ? 0 : (this.#body?.waitingBytes ?? 0) + this.#response.heldBytes
    const change = bytes - this.#heldBytes
    if (change === 0) return true
    this.#heldBytes = bytes
    if (this.#request.buffers.hold(change, this.#request.remote)) return true
    this.fail(new ExchangeError('rate_limited', 'too many bytes wait in this router'))
    return false
  }

  /** Sends what credit and the connection take now; the rest waits. */
  #send(): void {
    const { output } = this.#owner
    const response = this.#response
    response.sendTo(output, this)
    if (response.done) this.#onResponseSent()
    else if (response.ready) output.wait(this)
    else this.#failIfStuck()
  }

  #onResponseSent(): void {
    const isWhole = this.#body === undefined || this.#body.done
    if (this.#isDuplex && !isWhole) return
    const backend = this.#backend
    this.#close(undefined)
    // The response is whole and the request is not: nobody waits for the rest of it.
    if (!isWhole) backend.reset(new ExchangeError('client_gone', 'it has its response'))
  }

  #failIfStuck(): void {
    const isStuck = this.#response.holdsChunk && !this.#response.ready
    if (isStuck && this.#owner.clientEnded && !this.#isClosed())
      this.fail(new ExchangeError('client_gone', 'the client has ended the connection and left too little credit'))
  }

  /** Asked anew where a call in between may have closed it. */
  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** Both sides hear of it. Nobody knows what the backend has done by now, so a retry is not called safe. */
  fail(error: ExchangeError): void {
    if (this.#isClosed()) return
    this.#tell(error, false)
    this.stop(error)
  }

  #tell(error: ExchangeError, retryable: boolean): void {
    if (this.#status === 0) this.#status = error.status
    this.#owner.output.write(toReset(this.#id, error, retryable))
  }

  #close(error: ExchangeError | undefined): void {
    if (this.#isClosed()) return
    this.#state = 'closed'
    this.#backend = CLOSED_SIDE
    this.#body?.close()
    this.#hold()
    const { parts, output } = this.#owner
    output.forget(this)
    parts.wheel.cancel(this)
    const durationMs = parts.wheel.now() - this.#startedMs
    parts.observer.ended(this.#request, this.#status, error, durationMs, this.#bytesIn, this.#bytesOut)
    this.#owner.onExchangeClosed(this.#id, this.#request)
  }
}

function badRequest(fault: string): ExchangeError {
  return new ExchangeError('bad_request', fault, { detail: `The client sent ${fault}` })
}
