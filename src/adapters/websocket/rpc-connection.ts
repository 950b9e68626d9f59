import { isUtf8 } from 'node:buffer'
import { ERRORS, ExchangeError } from '../../exchange/errors.ts'
import type { RequestHead } from '../../exchange/exchange.ts'
import { type IdentityHolder, Lease } from '../../exchange/identity.ts'
import type { Flushable } from '../flush-queue.ts'
import { abnormalEnd } from './abnormal-end.ts'
import type { ClientSocket, SocketHandler } from './client-socket.ts'
import { ABNORMAL, TRY_AGAIN_LATER } from './close-codes.ts'
import { MAX_OVERRUN_BYTES, MESSAGE_OVERHEAD_BYTES } from './overrun.ts'
import type { WebSocketParts } from './parts.ts'
import { copyRequest } from './request-copy.ts'
import { RpcCall } from './rpc-call.ts'

const MAX_IN_FLIGHT = 16

interface Waiting {
  readonly bytes: Uint8Array
  readonly isText: boolean
}

/**
 * A WebSocket each of whose messages is a request, with replies in the order of the requests. States: open ->
 * (draining, until what is in flight has its reply) -> closed. An error takes its turn among the replies and closes the
 * connection: a reply that is missing would make every later one the wrong one.
 */
export class RpcConnection implements SocketHandler, Flushable, IdentityHolder {
  readonly protocol = 'rpc'
  readonly #parts: WebSocketParts
  readonly #head: RequestHead
  readonly #maxMessageBytes: number
  readonly #makeRequestId: () => string
  #socket!: ClientSocket
  /** Between two requests too, the connection lasts only as long as its client is who it was. */
  #lease: Lease | undefined
  #state: 'open' | 'draining' | 'closed' = 'open'
  /** In flight, oldest first, linked by `next`. */
  #first: RpcCall | undefined
  #last: RpcCall | undefined
  #inFlight = 0
  /** Answered in this turn of the event loop: their replies leave in one write. */
  #answered: RpcCall[] | undefined
  /** The client does not read. */
  #isFull = false
  /** Beyond what may be in flight. */
  #waiting: Waiting[] | undefined
  #waitingBytes = 0

  constructor(parts: WebSocketParts, head: RequestHead, makeRequestId: () => string) {
    this.#parts = parts
    this.#head = head
    this.#maxMessageBytes = Math.min(parts.maxMessageBytes, head.route!.maxBodyBytes)
    this.#makeRequestId = makeRequestId
  }

  get exchanges(): number {
    return this.#inFlight
  }

  // The connection speaks.

  onOpen(socket: ClientSocket): void {
    this.#socket = socket
    const { identity } = this.#head
    if (identity !== undefined) this.#lease = new Lease(identity, this)
    // It may have ended the connection at once.
    if (this.#state === 'closed') this.#lease?.end()
  }

  onMessage(bytes: Uint8Array, isText: boolean): void {
    if (this.#state !== 'open') return
    if (bytes.length > this.#maxMessageBytes) {
      this.#parts.limitObserver.onLimit('message_bytes', this.#head.remote)
      this.#fail(new ExchangeError('too_large', `a message of ${bytes.length} bytes`))
    } else if (this.#hasRoom()) {
      this.#begin(bytes, isText)
    } else {
      this.#wait(bytes, isText)
    }
  }

  onWritable(): void {
    this.#isFull = false
    if (this.#answered !== undefined) this.flush()
    this.#advance()
  }

  onClosed(code: number, reason: string): void {
    const error = code === ABNORMAL ? abnormalEnd(reason) : new ExchangeError('client_gone', 'the client has closed')
    this.#end(error)
    this.#socket.release()
  }

  onLingered(): void {}

  drain(): void {
    if (this.#state !== 'open') return
    this.#state = 'draining'
    this.#advance()
  }

  stop(error: ExchangeError): void {
    this.#fail(error)
  }

  // Policies speak.

  onRevoked(error: ExchangeError): void {
    this.#fail(error)
  }

  // Its calls speak.

  /** Takes the reply of a call, as it is and without a copy, if none comes before it. */
  sendAtOnce(call: RpcCall): boolean {
    if (call !== this.#first || this.#isFull) return false
    this.#send(call)
    return true
  }

  flush(): void {
    flushing = this
    this.#socket.cork(sendAnswered)
    // A close may have waited for this.
    if (this.#state !== 'closed') this.#advance()
  }

  sendAnswered(): void {
    const answered = this.#answered!
    let sent = 0
    while (sent < answered.length && !this.#isFull) {
      const { reply, isText } = answered[sent++]!
      if (!this.#socket.send(reply, isText && isUtf8(reply))) this.#isFull = true
    }
    answered.splice(0, sent)
    for (const call of answered) call.keepReply()
  }

  onCallOver(): void {
    this.#advance()
  }

  onCallSettled(call: RpcCall): void {
    const { wheel, observer } = this.#parts
    const { request, error, startedMs, bytesOut } = call
    observer.ended(
      request,
      error?.status ?? call.status,
      error,
      wheel.now() - startedMs,
      request.length,
      error === undefined ? bytesOut : 0,
    )
  }

  /** Replies have yet to go out. */
  #hasAnswered(): boolean {
    return this.#answered !== undefined && this.#answered.length > 0
  }

  #hasRoom(): boolean {
    return this.#inFlight < MAX_IN_FLIGHT && !this.#isFull
  }

  #begin(bytes: Uint8Array, isText: boolean): void {
    const request = copyRequest(this.#head, this.#makeRequestId(), this.#head.headers, bytes.length)
    const call = new RpcCall(this, request, isText, this.#parts.wheel.now())
    if (this.#last === undefined) this.#first = call
    else this.#last.next = call
    this.#last = call
    this.#inFlight++
    this.#parts.observer.begun()
    call.begin(bytes)
  }

  #wait(bytes: Uint8Array, isText: boolean): void {
    const cost = bytes.length + MESSAGE_OVERHEAD_BYTES
    if (this.#waitingBytes > 0 && this.#waitingBytes + cost > MAX_OVERRUN_BYTES) {
      const error = new ExchangeError('rate_limited', 'the client sends requests faster than they are answered')
      this.#fail(error, TRY_AGAIN_LATER)
      return
    }
    this.#waitingBytes += cost
    this.#waiting ??= []
    // A copy: the bytes are the connection's.
    this.#waiting.push({ bytes: new Uint8Array(bytes), isText })
    if (this.#parts.buffers.hold(cost, this.#head.remote)) return
    this.#fail(new ExchangeError('busy', 'too many bytes wait in this router'))
  }

  #letGo(bytes: number): void {
    this.#waitingBytes -= bytes
    this.#parts.buffers.hold(-bytes, this.#head.remote)
  }

  /** Sends the replies whose turn it is, then begins what waited for room. */
  #advance(): void {
    while (this.#state !== 'closed' && !this.#isFull) {
      const call = this.#first
      if (call === undefined || !call.isOver) break
      if (!this.#answer(call)) return
    }
    while (this.#waiting !== undefined && this.#state !== 'closed' && this.#hasRoom()) {
      const next = this.#waiting.shift()!
      this.#letGo(next.bytes.length + MESSAGE_OVERHEAD_BYTES)
      if (this.#waiting.length === 0) this.#waiting = undefined
      this.#begin(next.bytes, next.isText)
    }
    if (this.#state === 'draining' && this.#first === undefined && !this.#hasAnswered()) {
      this.#fail(new ExchangeError('draining', 'the router is about to stop'))
    }
  }

  /** False: it is a refusal, and ends the connection once the replies before it have gone out. */
  #answer(call: RpcCall): boolean {
    const { closeCode } = call
    if (closeCode !== undefined) {
      if (!this.#hasAnswered()) this.#close(closeCode, call.error?.code ?? `status ${call.status}`)
      return false
    }
    this.#first = call.next
    if (this.#first === undefined) this.#last = undefined
    this.#inFlight--
    if (!call.isSent) this.#send(call)
    return true
  }

  #send(call: RpcCall): void {
    this.#answered ??= []
    if (this.#answered.push(call) === 1) this.#parts.flushes.push(this)
  }

  #fail(error: ExchangeError, closeCode: number = ERRORS[error.code].close): void {
    if (this.#state === 'closed') return
    this.#end(error)
    this.#endSocket(closeCode, error.code)
  }

  #close(code: number, reason: string): void {
    this.#end(new ExchangeError('client_gone', 'the connection was closed for an error before'))
    this.#endSocket(code, reason)
  }

  /** What was answered goes out first. */
  #endSocket(code: number, reason: string): void {
    this.#isFull = false
    if (this.#answered !== undefined) this.flush()
    this.#socket.close(code, reason)
  }

  /** Ends what is in flight. */
  #end(error: ExchangeError): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#lease?.end()
    this.#waiting = undefined
    this.#letGo(this.#waitingBytes)
    let call = this.#first
    this.#first = undefined
    this.#last = undefined
    for (; call !== undefined; call = call.next) if (!call.isOver) call.cancel(error)
  }
}

// A cork runs its callback before it returns: no closure for each.
let flushing: RpcConnection
const sendAnswered = () => flushing.sendAnswered()
