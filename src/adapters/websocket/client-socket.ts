import type { ClientConnection } from '../../exchange/client-connection.ts'
import type { WheelEntry } from '../../exchange/deadline-wheel.ts'
import { ExchangeError } from '../../exchange/errors.ts'
import type { Peer } from '../connection-limits.ts'
import { MessageRate } from '../message-rate.ts'
import type { FragmentingWebSocket } from '../native.ts'
import { StallClock } from '../stall-clock.ts'
import type { WebSocketParts } from './parts.ts'

/** What uWebSockets says of a message that it has not taken, since too much waits to be sent. */
const DROPPED = 2
const SENT = 1
/** Its words for a message so large that it does not even read it, */
const TOO_BIG = 'Received too big message'
/** and for a client that has been silent for too long. */
const TIMED_OUT = 'WebSocket timed out from inactivity'

/** What uWebSockets keeps with each WebSocket. */
export interface SocketData {
  readonly socket: ClientSocket
}

/** What runs over a WebSocket, and hears its events. None throws. */
export interface SocketHandler {
  readonly protocol: 'stream' | 'rpc' | 'mux'
  /** Under way. */
  readonly exchanges: number
  /** Comes first, and once. The client may be gone when it returns. */
  onOpen(socket: ClientSocket): void
  /** The bytes are valid in this call alone. */
  onMessage(bytes: Uint8Array, isText: boolean): void
  /** The client takes more, after a `send` that said that it is full. */
  onWritable(): void
  /**
   * The WebSocket is gone, by whichever end. Comes once; `release` is to be called when all else is released too.
   * @param code 1005: without one; 1006: without a close frame
   * @param reason uWebSockets' own words where the code is 1006
   */
  onClosed(code: number, reason: string): void
  /** The time that was given to `linger` is over. */
  onLingered(): void
  /** The router is about to stop, and this connection should be gone within the time. */
  drain(timeoutMs: number): void
  /** Ends now. */
  stop(error: ExchangeError): void
}

/**
 * One WebSocket, which may be used at any time: after its end each call does nothing. States: open -> closed ->
 * released. While it is open the client is pinged; uWebSockets itself closes what is silent.
 */
export class ClientSocket implements WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1

  readonly #parts: WebSocketParts
  readonly #handler: SocketHandler
  readonly #remote: string
  readonly #peer: Peer | undefined
  #ws: FragmentingWebSocket<SocketData> | undefined
  #number = 0
  readonly #sinceMs = Date.now()
  readonly #rate: MessageRate
  readonly #stall = new StallClock()
  /**
   * Since a send that said so, until uWebSockets says that there is room. It may have nothing left to send before that: the
   * system takes what little waits along with a ping.
   */
  #isFull = false
  /** What waits to be sent, when it was looked at last. */
  #heldBytes = 0
  #bytesIn = 0
  #bytesOut = 0

  /** @param remote the client's address @param peer of the connection */
  constructor(parts: WebSocketParts, handler: SocketHandler, remote: string, peer: Peer | undefined) {
    this.#parts = parts
    this.#remote = remote
    this.#peer = peer
    this.#handler = handler
    this.#rate = new MessageRate(parts.messageRate, parts.wheel)
  }

  // uWebSockets speaks.

  onOpen(ws: FragmentingWebSocket<SocketData>): void {
    this.#ws = ws
    this.#number = ++this.#parts.lastNumber
    this.#parts.open.add(this)
    this.#parts.wheel.schedule(this, this.#parts.pingEveryMs)
    this.#handler.onOpen(this)
  }

  onMessage(bytes: Uint8Array, isText: boolean): void {
    this.#bytesIn += bytes.length
    // A session counts its frames itself, and has more to say.
    if (this.#handler.protocol === 'mux' || this.#mayTake(bytes.length)) this.#handler.onMessage(bytes, isText)
  }

  /** A ping or a pong, which uWebSockets deals with. */
  onControl(): void {
    this.#mayTake(0)
  }

  onDrain(): void {
    if (this.bufferedBytes === 0) this.#parts.writable.push(this)
  }

  onWritable(): void {
    if (this.#ws === undefined || this.bufferedBytes > 0) return
    this.#isFull = false
    this.#hold(0)
    this.#handler.onWritable()
  }

  onClose(code: number, reason: string): void {
    this.#ws = undefined
    this.#hold(0)
    this.#parts.wheel.cancel(this)
    this.#parts.connections.onUpgradedClosed(this.#peer)
    if (reason === TOO_BIG) this.#parts.limitObserver.onLimit('message_bytes', this.#remote)
    else if (reason === TIMED_OUT) this.#parts.limitObserver.onLimit('silent', this.#remote)
    this.#handler.onClosed(code, reason)
  }

  onDeadline(): void {
    if (this.#ws === undefined) {
      this.#handler.onLingered()
      return
    }
    if (this.#isStalled()) {
      this.#parts.limitObserver.onLimit('slow_reader', this.#remote)
      this.#ws.close()
      return
    }
    this.#ws.ping()
    this.#parts.wheel.schedule(this, this.#parts.pingEveryMs)
  }

  // What runs over it speaks.

  /** Of the connections of this adapter, in the order in which they opened. */
  get number(): number {
    return this.#number
  }

  /** Waiting in the process to be sent. */
  get bufferedBytes(): number {
    return this.#ws?.getBufferedAmount() ?? 0
  }

  /** Sends a message. False: full, wait for `onWritable`. */
  send(message: string | Uint8Array, isText: boolean): boolean {
    // Of text its characters, which are mostly its bytes: to count them costs more than an operator would pay.
    this.#bytesOut += message.length
    return this.#ws === undefined || this.#onSent(this.#ws.send(message, !isText))
  }

  /** Sends a part of a message, as `send` does the whole; the parts of two must not mix. */
  sendPart(part: Uint8Array, isText: boolean, isFirst: boolean, isLast: boolean): boolean {
    const ws = this.#ws
    if (ws === undefined) return true
    this.#bytesOut += part.length
    if (isFirst) return this.#onSent(ws.sendFirstFragment(part, !isText))
    return this.#onSent(isLast ? ws.sendLastFragment(part) : ws.sendFragment(part))
  }

  /** What `work` sends leaves in as few writes as can be. */
  cork(work: () => void): void {
    if (this.#ws === undefined) work()
    else this.#ws.cork(work)
  }

  /** What was sent goes out first. @param reason at most 123 bytes */
  close(code: number, reason: string): void {
    const ws = this.#ws
    this.#ws = undefined
    ws?.end(code, reason)
  }

  /** Calls `onLingered` later, once the WebSocket is closed. */
  linger(delayMs: number): void {
    this.#parts.wheel.schedule(this, delayMs)
  }

  /** Nothing of the connection is left. */
  release(): void {
    const { open, wheel, owner } = this.#parts
    wheel.cancel(this)
    if (open.delete(this) && open.size === 0) owner?.onIdle()
  }

  // The listener speaks.

  describe(): ClientConnection {
    return {
      id: `ws-${this.#number}`,
      kind: 'ws',
      protocol: this.#handler.protocol,
      remote: this.#remote,
      sinceMs: this.#sinceMs,
      exchanges: this.#handler.exchanges,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      close: () => this.stop(new ExchangeError('draining', 'an operator has closed the connection')),
    }
  }

  drain(timeoutMs: number): void {
    if (this.#parts.open.has(this)) this.#handler.drain(timeoutMs)
  }

  stop(error: ExchangeError): void {
    this.#handler.stop(error)
  }

  /** False: too much, which ends the connection. */
  #mayTake(bytes: number): boolean {
    const limit = this.#rate.take(1, bytes)
    if (limit === undefined) return true
    this.#parts.limitObserver.onLimit(limit, this.#remote)
    this.stop(new ExchangeError('rate_limited', `over the limit ${limit}`))
    return false
  }

  /** Whether the client has taken nothing for too long of what waits. Pongs of its own say that it is there, and no more. */
  #isStalled(): boolean {
    const { wheel, stallTimeoutMs } = this.#parts
    const waiting = this.bufferedBytes
    const hasMore = this.#isFull || waiting > 0
    return this.#stall.isStalled(this.#bytesOut - waiting, hasMore, wheel.now(), stallTimeoutMs)
  }

  #onSent(result: number): boolean {
    if (result === DROPPED) {
      // Pongs fill the buffer of a client that pings and does not read. A message that is missing must not go unseen.
      this.#parts.limitObserver.onLimit('slow_reader', this.#remote)
      const ws = this.#ws
      this.#ws = undefined
      ws?.close()
      return true
    }
    if (result === SENT) return true
    this.#isFull = true
    if (!this.#hold(this.bufferedBytes)) this.stop(new ExchangeError('busy', 'too many bytes wait in this router'))
    return false
  }

  /** False: they are too many, with those of all others. */
  #hold(bytes: number): boolean {
    const change = bytes - this.#heldBytes
    this.#heldBytes = bytes
    return change === 0 || this.#parts.buffers.hold(change, this.#remote)
  }
}
