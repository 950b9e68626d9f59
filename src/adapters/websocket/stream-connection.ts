import { isUtf8 } from 'node:buffer'
import { TextDecoder } from 'node:util'
import { CLOSED_SIDE, resetUnwanted } from '../../exchange/closed-side.ts'
import { ERRORS, ExchangeError } from '../../exchange/errors.ts'
import type {
  BackendSide,
  ClientSide,
  HeaderList,
  MessageMeta,
  RequestHead,
  ResponseHead,
} from '../../exchange/exchange.ts'
import { abnormalEnd } from './abnormal-end.ts'
import type { ClientSocket, SocketHandler } from './client-socket.ts'
import { ABNORMAL, closeCodeOfError, closeCodeOfStatus, NO_CODE, NORMAL, TRY_AGAIN_LATER } from './close-codes.ts'
import { MAX_OVERRUN_BYTES, MESSAGE_OVERHEAD_BYTES } from './overrun.ts'
import type { WebSocketParts } from './parts.ts'
import { copyRequest } from './request-copy.ts'

const SWITCHING_PROTOCOLS = 101

const NO_HEADERS: HeaderList = []
const TEXT: MessageMeta = { type: 'text' }
const BINARY: MessageMeta = { type: 'binary' }

/**
 * A WebSocket that is one exchange: each message is a chunk, both ways.
 *
 * States: `open` -> `closing` the client has closed, and what the backend still sends is dropped until it ends too, or
 * has had its time -> `closed`. The backend's end, a reset from either end and a connection that breaks lead from `open`
 * to `closed` at once.
 */
export class StreamConnection implements ClientSide, SocketHandler {
  readonly protocol = 'stream'
  readonly exchanges = 1
  readonly #parts: WebSocketParts
  #request: RequestHead
  #socket!: ClientSocket
  #backend: BackendSide = CLOSED_SIDE
  #state: 'open' | 'closing' | 'closed' = 'open'
  /** What has come since the backend was full; 0: it has room. A WebSocket cannot be paused. */
  #overrunBytes = 0
  /** Of the message that is on its way to the client in parts. */
  #partsAreText: boolean | undefined
  /** Checks text in parts, where a character may begin in one and end in the next. */
  #decoder: TextDecoder | undefined
  readonly #startedMs: number
  #bytesIn = 0
  #bytesOut = 0

  constructor(parts: WebSocketParts, request: RequestHead) {
    this.#parts = parts
    this.#request = request
    this.#startedMs = parts.wheel.now()
  }

  // The connection speaks.

  onOpen(socket: ClientSocket): void {
    this.#socket = socket
    this.#parts.observer.begun()
    const request = this.#request
    const backend = request.route!.dispatch(request, this)
    // Connections last, and the backend has its headers by now.
    this.#request = withoutHeaders(request)
    if (this.#state === 'open') this.#backend = backend
    else resetUnwanted(backend)
  }

  onMessage(bytes: Uint8Array, isText: boolean): void {
    if (this.#state !== 'open') return
    this.#bytesIn += bytes.length
    if (bytes.length > Math.min(this.#parts.maxMessageBytes, this.#request.route!.maxBodyBytes)) {
      this.#parts.limitObserver.onLimit('message_bytes', this.#request.remote)
      this.#fail(new ExchangeError('too_large', `a message of ${bytes.length} bytes`))
      return
    }
    const cost = bytes.length + MESSAGE_OVERHEAD_BYTES
    if (this.#overrunBytes > 0 && this.#overrunBytes + cost > MAX_OVERRUN_BYTES) {
      this.#fail(new ExchangeError('rate_limited', 'the client sends faster than the backend takes'), TRY_AGAIN_LATER)
      return
    }
    if (!this.#backend.data(bytes, isText ? TEXT : BINARY) || this.#overrunBytes > 0) this.#overrunBytes += cost
  }

  onWritable(): void {
    this.#backend.drained()
  }

  onClosed(code: number, reason: string): void {
    if (this.#state !== 'open') return
    const backend = this.#backend
    if (code === ABNORMAL) {
      this.#finish(abnormalEnd(reason))
      backend.reset(new ExchangeError('client_gone', 'the client is gone'))
      return
    }
    this.#state = 'closing'
    this.#socket.linger(this.#parts.lingerMs)
    backend.end(undefined, code === NO_CODE ? undefined : code)
    // Room for what the backend has yet to send, which is dropped, so that it comes to its end.
    backend.drained()
  }

  onLingered(): void {
    const backend = this.#backend
    this.#finish(undefined)
    backend.reset(new ExchangeError('client_gone', 'the client has closed'))
  }

  drain(): void {
    this.stop(new ExchangeError('draining', 'the router is about to stop'))
  }

  stop(error: ExchangeError): void {
    this.#fail(error)
  }

  // The backend speaks.

  head({ status }: ResponseHead): void {
    if (this.#state === 'closed' || status < 400) return
    const backend = this.#backend
    this.#close(closeCodeOfStatus(status), `status ${status}`)
    this.#finish(undefined, status)
    backend.reset(new ExchangeError('client_gone', 'the connection was refused'))
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    if (this.#state !== 'open') return true
    this.#bytesOut += chunk.length
    if (meta?.fin === false || this.#partsAreText !== undefined) return this.#sendPart(chunk, meta)
    const isText = meta?.type !== 'binary' && isUtf8(chunk)
    if (meta?.type === 'text' && !isText) return this.#failText()
    return this.#socket.send(chunk, isText)
  }

  end(_trailers?: HeaderList, closeCode = NORMAL): void {
    if (this.#state === 'closed') return
    if (this.#partsAreText !== undefined && this.#state === 'open') {
      // A normal close would say that the client has it all.
      this.#fail(new ExchangeError('protocol_error', 'the backend ended in the middle of a message'))
      return
    }
    const backend = this.#backend
    const isClosing = this.#state === 'closing'
    this.#close(closeCode, '')
    this.#finish(undefined)
    if (!isClosing) backend.end(undefined, closeCode)
  }

  reset(error: ExchangeError): void {
    if (this.#state === 'closed') return
    this.#close(closeCodeOfError(error), error.code)
    this.#finish(error)
  }

  drained(): void {
    this.#overrunBytes = 0
  }

  /** A message in parts goes on in parts: the whole of it may be larger than what we would keep. */
  #sendPart(part: Uint8Array, meta: MessageMeta | undefined): boolean {
    const isFirst = this.#partsAreText === undefined
    const isLast = meta?.fin !== false
    const isText = this.#partsAreText ?? meta?.type === 'text'
    this.#partsAreText = isLast ? undefined : isText
    if (isText && !this.#isTextSoFar(part, isLast)) return this.#failText()
    return this.#socket.sendPart(part, isText, isFirst, isLast)
  }

  #isTextSoFar(part: Uint8Array, isLast: boolean): boolean {
    this.#decoder ??= new TextDecoder('utf-8', { fatal: true })
    try {
      this.#decoder.decode(part, { stream: !isLast })
      return true
    } catch {
      // That it throws is how it says no.
      return false
    }
  }

  /** Clients fail the connection over such a message, and could not say whose fault it is. */
  #failText(): boolean {
    this.#fail(new ExchangeError('protocol_error', 'the backend sent a text message that is not UTF-8'))
    return true
  }

  /** Both ends hear of it. */
  #fail(error: ExchangeError, closeCode: number = ERRORS[error.code].close): void {
    if (this.#state === 'closed') return
    const backend = this.#backend
    this.#close(closeCode, error.code)
    this.#finish(error)
    backend.reset(error)
  }

  #close(code: number, reason: string): void {
    this.#state = 'closed'
    this.#socket.close(code, reason)
  }

  #finish(error: ExchangeError | undefined, status = error?.status ?? SWITCHING_PROTOCOLS): void {
    this.#state = 'closed'
    this.#backend = CLOSED_SIDE
    const { observer, wheel } = this.#parts
    const durationMs = wheel.now() - this.#startedMs
    observer.ended(this.#request, status, error, durationMs, this.#bytesIn, this.#bytesOut)
    this.#socket.release()
  }
}

function withoutHeaders(request: RequestHead): RequestHead {
  const copy = copyRequest(request, request.requestId, NO_HEADERS, request.length)
  if (request.trace !== undefined) copy.trace = request.trace
  return copy
}
