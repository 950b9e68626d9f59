import type { HttpResponse } from 'uWebSockets.js'
import { CLOSED_SIDE, resetUnwanted } from '../../exchange/closed-side.ts'
import type { WheelEntry } from '../../exchange/deadline-wheel.ts'
import { ExchangeError } from '../../exchange/errors.ts'
import type { BackendSide, ClientSide, HeaderList, MessageMeta, ResponseHead } from '../../exchange/exchange.ts'
import type { Peer } from '../connection-limits.ts'
import type { HttpAdapterParts } from './parts.ts'
import type { HttpRequestHead } from './request-head.ts'
import { encodeRetry, SSE_COMMENT } from './server-sent-events.ts'
import { StreamedResponse, type StreamOwner } from './streamed-response.ts'
import { type Transfer, TransferWatch } from './transfer-watch.ts'
import { isBodyless, REQUEST_TIMEOUT, writeProblem, writeWhole } from './write-response.ts'

/** That a client has to close a connection which it was told is over; as long as uWebSockets gives it. */
const LINGER_MS = 12_000
/** Proxies close a stream that is quiet for longer, commonly after a minute. */
const SSE_COMMENT_EVERY_MS = 15_000
/** The system's buffers take this much of a response at once; more may have to wait for the client to read. */
const AT_ONCE_BYTES = 64 * 1024

type State = 'waiting' | 'headed' | 'streaming' | 'closed'

/**
 * The client of one HTTP request.
 *
 * States: `waiting` for the response head -> `headed` the head is known, nothing written yet, as a short response in one
 * piece goes out in one write -> `streaming`: see `StreamedResponse` -> `closed`. Behind a request whose end is in doubt,
 * `closed` may linger until the client closes: to uWebSockets the response is not over, so that it ends the connection over
 * whatever else comes. The client's departure, a reset and the end lead to `closed`; after that the response object of
 * uWebSockets is gone and is not touched.
 */
export class HttpExchange implements ClientSide, StreamOwner, Transfer, WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1

  readonly #parts: HttpAdapterParts
  readonly #res: HttpResponse
  readonly #request: HttpRequestHead
  readonly #startedMs: number
  readonly #peer: Peer | undefined
  #backend: BackendSide = CLOSED_SIDE
  #state: State = 'waiting'
  #head: ResponseHead | undefined
  #stream: StreamedResponse | undefined
  /** All of the request's body has come. */
  #isBodyWhole = false
  /** The backend has nothing more to say, and the answer is yet to be written. */
  #isAnswered = false
  /** The connection is not read, until the backend has room. */
  #isPaused = false
  /** Once it is closed the connection is still there, and to uWebSockets the response is not over. */
  #isLingering = false
  /** Of what does not go at once. */
  #watch: TransferWatch | undefined
  #bytesIn = 0
  #bytesOut = 0
  #status = 0

  constructor(parts: HttpAdapterParts, res: HttpResponse, request: HttpRequestHead) {
    this.#parts = parts
    this.#res = res
    this.#request = request
    this.#startedMs = parts.wheel.now()
    this.#peer = parts.connections.onRequest(request.address)
    parts.open.add(this)
    parts.observer.begun()
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  // The connection speaks.

  /** The exchange has begun; it may be over already. */
  onBegun(backend: BackendSide): void {
    if (this.#state !== 'closed' && !this.#isAnswered) this.#backend = backend
    else resetUnwanted(backend)
  }

  onBody(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.#state === 'closed') return
    this.#bytesIn += chunk.byteLength
    const hasRoom = chunk.byteLength === 0 || this.#backend.data(new Uint8Array(chunk))
    if (this.#isClosed()) return
    if (isLast) {
      this.#endBody()
      return
    }
    this.#watchTransfer()
    // Nobody is left to take the rest: it is read and ignored.
    if (hasRoom || this.#isAllHandedOver()) return
    // Also if it is already: uWebSockets reads again as soon as it waits to write.
    this.#isPaused = true
    this.#res.pause()
  }

  /** Of a response that announces its length. */
  #isAllHandedOver(): boolean {
    return this.#stream?.isSized === true && this.#bytesOut === this.#head!.length
  }

  onNoBody(): void {
    this.#endBody()
  }

  #endBody(): void {
    this.#isBodyWhole = true
    // It may have been in the same read as what filled the backend. Unread, the connection would not tell that it closes.
    this.drained()
    this.#backend.end()
  }

  /** Asked anew where a call in between may have closed it. */
  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  onAborted(): void {
    if (this.#isLingering) this.#parts.wheel.cancel(this)
    this.#isLingering = false
    if (this.#state === 'closed') return
    const error = new ExchangeError('client_gone', 'the client closed the connection')
    this.#backend.reset(error)
    this.#close(error, true)
  }

  /** The router is about to stop: tells a client of server-sent events when to come back. */
  onDrain(retryMs: number): void {
    if (this.#state === 'streaming') this.#stream!.writeBetweenEvents(encodeRetry(retryMs))
  }

  /** The router stops: what is under way ends here. */
  stop(error: ExchangeError): void {
    const backend = this.#backend
    this.#reset(error)
    backend.reset(error)
  }

  // The watch asks and speaks.

  get bytesIn(): number {
    return this.#bytesIn
  }

  get bodyState(): Transfer['bodyState'] {
    if (this.#isBodyWhole) return 'whole'
    return this.#isPaused ? 'held' : 'coming'
  }

  get isFull(): boolean {
    return this.#stream?.isFull ?? false
  }

  holdOpen(): void {
    if (this.isFull) {
      this.#stream!.writeAgain()
      return
    }
    // Both, as each of them alone would leave uWebSockets in a state in which it is not: to be told to read on without a
    // pause before makes it deaf.
    if (!this.#isPaused) this.#res.pause()
    this.#res.resume()
    if (this.#isPaused) this.#res.pause()
  }

  onSlowBody(): void {
    this.#parts.limitObserver.onLimit('slow_body', this.#request.remote)
    const detail = 'The request body comes too slowly'
    this.stop(new ExchangeError('timeout', 'the client sends its body too slowly', { status: REQUEST_TIMEOUT, detail }))
  }

  onSlowReader(): void {
    this.#parts.limitObserver.onLimit('slow_reader', this.#request.remote)
    this.stop(new ExchangeError('client_gone', 'the client takes nothing of the response'))
  }

  onDeadline(): void {
    if (this.#isLingering && this.#state === 'closed') this.#res.close()
    if (this.#state !== 'streaming') return
    // First: it may be over with what it writes.
    this.#parts.wheel.schedule(this, SSE_COMMENT_EVERY_MS)
    this.#stream!.writeBetweenEvents(SSE_COMMENT)
  }

  // The streamed response speaks.

  onTaken(): void {
    if (this.#state !== 'closed') this.#watch?.onTaken()
    else if (this.#isLingering) this.#parts.wheel.schedule(this, LINGER_MS)
  }

  onFull(): void {
    this.#watchTransfer()
  }

  onRoom(): void {
    this.#backend.drained()
  }

  onWritten(): void {
    this.#close(undefined)
  }

  onTooMuch(): void {
    this.stop(new ExchangeError('rate_limited', 'too many bytes wait in this router'))
  }

  // The backend speaks.

  head(head: ResponseHead): void {
    if (this.#state !== 'waiting') return
    this.#head = head
    this.#status = head.status
    this.#state = 'headed'
    // What is to come comes when it comes: the client should know at once that it will.
    if (!head.messages && head.length >= 0) return
    this.#startStream()
    if (!this.#isBodyless()) return
    // None of them is for this client, so that there is nothing to wait for.
    const backend = this.#backend
    this.end()
    backend.reset(new ExchangeError('client_gone', 'the response has no content'))
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    if (this.#state === 'headed') {
      if (this.#head!.length === chunk.length && this.#goesAtOnce(chunk)) {
        this.drained()
        corked = this
        corkedBody = chunk
        this.#res.cork(writeCorkedWhole)
        if (!this.#isBodyless()) this.#bytesOut += chunk.length
        this.#close(undefined)
        return true
      }
      this.#startStream()
    }
    if (this.#state !== 'streaming') return true
    const stream = this.#stream!
    if (stream.isBodyless) return true
    this.#bytesOut += chunk.length
    // With the last of it the response may be over.
    if (this.#isAllHandedOver()) this.drained()
    return stream.write(chunk, meta)
  }

  #goesAtOnce(body: Uint8Array): boolean {
    if (this.#isBodyless()) return true
    // uWebSockets does not close behind an answer of which the system has not taken all.
    return body.length <= AT_ONCE_BYTES && !this.#isEndInDoubt
  }

  end(_trailers?: HeaderList): void {
    this.drained()
    if (this.#state === 'headed') {
      if (this.#isEndInDoubt) this.#answerLater(() => this.#endEmpty())
      else this.#endEmpty()
      return
    }
    if (this.#state === 'streaming') {
      // Over when the last of it is on its way, and not before.
      if (this.#stream!.isSized) return
      this.#stream!.end()
    } else {
      return
    }
    this.#close(undefined)
  }

  #endEmpty(): void {
    if (this.#state === 'closed') return
    corked = this
    corkedBody = undefined
    this.#res.cork(writeCorkedWhole)
    this.#close(undefined)
  }

  reset(error: ExchangeError): void {
    if (this.#isEndInDoubt && this.#state !== 'streaming') this.#answerLater(() => this.#reset(error))
    else this.#reset(error)
  }

  /**
   * When what was read together with the request is over. A request behind it finds it unanswered then, for which
   * uWebSockets ends the connection; behind an answer it would be taken, though that is the last one.
   */
  #answerLater(answer: () => void): void {
    this.#isAnswered = true
    this.#backend = CLOSED_SIDE
    setImmediate(answer)
  }

  #reset(error: ExchangeError): void {
    if (this.#state === 'closed') return
    this.drained()
    if (this.#state === 'streaming') {
      // Cut: a client must never take a truncated response for a whole one.
      this.#close(error, true)
      this.#res.close()
      return
    }
    this.#status = error.status
    corked = this
    corkedError = error
    this.#res.cork(writeCorkedProblem)
    this.#close(error)
  }

  /** Also before the end: what is left of the body is read and ignored, or the next request would not be read. */
  drained(): void {
    if (this.#state === 'closed' || !this.#isPaused) return
    this.#isPaused = false
    this.#res.resume()
  }

  #startStream(): void {
    this.#state = 'streaming'
    this.#isLingering = this.#isEndInDoubt
    this.#stream = new StreamedResponse(
      this,
      this.#res,
      this.#request,
      this.#head!,
      this.#isLast(),
      this.#isLingering,
      this.#parts.buffers,
    )
    if (this.#stream.isEvents) this.#parts.wheel.schedule(this, SSE_COMMENT_EVERY_MS)
  }

  #isBodyless(): boolean {
    return isBodyless(this.#request, this.#status)
  }

  /**
   * Others on the way may see the next request begin elsewhere. Behind a chunked one too: uWebSockets takes chunks whose
   * framing is malformed (docs/http.md).
   */
  get #isEndInDoubt(): boolean {
    return this.#request.length < 0 || this.#request.fault !== undefined
  }

  /** No further request is to come over this connection. */
  #isLast(): boolean {
    return this.#parts.draining || this.#isEndInDoubt
  }

  #watchTransfer(): void {
    this.#watch ??= new TransferWatch(this.#parts.wheel, this.#parts.transferLimits, this)
    this.#watch.start()
  }

  /** @param isLost with its connection */
  #close(error: ExchangeError | undefined, isLost = false): void {
    const backend = this.#backend
    this.#state = 'closed'
    this.#backend = CLOSED_SIDE
    // The response is whole and the request is not: nobody waits for the rest of it.
    if (error === undefined && !this.#isBodyWhole)
      backend.reset(new ExchangeError('client_gone', 'it has its response'))
    const { wheel, open, observer, connections } = this.#parts
    if (isLost) connections.onLost(this.#peer)
    else connections.onAnswered(this.#peer)
    open.delete(this)
    if (open.size === 0) this.#parts.onIdle?.()
    wheel.cancel(this)
    if (this.#isLingering) wheel.schedule(this, LINGER_MS)
    this.#watch?.stop()
    this.#stream?.close()
    const durationMs = wheel.now() - this.#startedMs
    observer.ended(this.#request, this.#status, error, durationMs, this.#bytesIn, this.#bytesOut)
  }

  // Inside a cork, where writes are collected into one.

  writeWhole(body: Uint8Array | undefined): void {
    this.#isLingering = this.#isEndInDoubt && this.#isBodyless()
    writeWhole(this.#res, this.#request, this.#head!, body, this.#isLast(), this.#isLingering)
  }

  writeProblem(error: ExchangeError): void {
    writeProblem(this.#res, this.#request, error, this.#isLast())
  }
}

// A cork runs its callback before it returns: what it works on is handed over here, not in a closure for each request.
let corked: HttpExchange
let corkedBody: Uint8Array | undefined
let corkedError: ExchangeError
const writeCorkedWhole = () => corked.writeWhole(corkedBody)
const writeCorkedProblem = () => corked.writeProblem(corkedError)
