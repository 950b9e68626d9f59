import type { Msg, MsgHdrs, NatsConnection } from 'nats'
import type { DeadlineWheel, WheelEntry } from '../exchange/deadline-wheel.ts'
import { ExchangeError } from '../exchange/errors.ts'
import { EncodedHeaders } from '../nats/encoded-headers.ts'
import type { Inbox, InboxEntry } from '../nats/inbox.ts'
import { decodeFrame } from '../wire/decode-frame.ts'
import { encodeFrame } from '../wire/encode-frame.ts'
import { type OpenFrame, PROTOCOL_VERSION } from '../wire/frame.ts'
import { Stream } from '../wire/stream.ts'
import type { WindowBudget } from '../wire/window-budget.ts'
import { BackendExchange } from './exchange.ts'
import { exchangeRequest } from './exchange-request.ts'
import { type ExchangeHandler, type ReportError, runHandler } from './handler.ts'
import { publish } from './publish.ts'
import type { Held, TurnEnd } from './turn-end.ts'

/** What a router may have on the way to us, on one exchange. */
const WINDOW_BYTES = 256 * 1024
/** Largest payload of one frame, either way. */
const MAX_FRAME_BYTES = 32 * 1024
/** Of max_payload, for the headers of a data frame. */
const FRAME_HEADER_ROOM_BYTES = 1024

export interface SessionParts {
  readonly nats: NatsConnection
  readonly inbox: Inbox
  readonly wheel: DeadlineWheel
  readonly turnEnd: TurnEnd
  readonly windowBudget: WindowBudget
  readonly maxMessageBytes: number
  readonly onError: ReportError
}

/** One accepted exchange: its stream, its handler and what wakes them. Over when both have come to their end. */
export class Session implements InboxEntry, WheelEntry, Held {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1
  readonly #parts: SessionParts
  readonly #stream: Stream
  readonly #exchange: BackendExchange
  readonly #token: string
  readonly #onOver: () => void
  #handling = true

  /** @param routerSubject where the router hears this exchange */
  constructor(parts: SessionParts, open: OpenFrame, subject: string, routerSubject: string, onOver: () => void) {
    const { nats, inbox, wheel, maxMessageBytes } = parts
    this.#parts = parts
    this.#onOver = onOver
    this.#token = inbox.add(this)
    const reply = inbox.replySubject(this.#token)
    this.#stream = new Stream({
      role: 'backend',
      local: {
        data: (chunk, meta) => this.#exchange.incoming.data(chunk, meta),
        end: (_trailers, closeCode) => this.#exchange.onClientEnd(closeCode),
        reset: (error) => this.#exchange.fail(error),
        drained: () => this.#exchange.onRoom(),
      },
      send: (headerBlock, payload, asksReply) => {
        if (headerBlock.length + payload.length > maxPayload(nats)) {
          this.#onTooLarge(routerSubject)
          return
        }
        const headers = new EncodedHeaders(headerBlock) as unknown as MsgHdrs
        publish(nats, routerSubject, payload, asksReply ? { headers, reply } : { headers })
      },
      onClosed: () => this.#onClosed(),
      now: () => wheel.now(),
      sends: true,
      receives: open.more,
      windowBytes: WINDOW_BYTES,
      windowBudget: this.#parts.windowBudget,
      credit: open.credit,
      ownsChunks: false,
      maxBytes: Math.min(open.maxBytes, MAX_FRAME_BYTES, maxPayload(nats) - FRAME_HEADER_ROOM_BYTES),
    })
    const request = exchangeRequest(open.headers, subject, open.more || open.payload.length > 0 ? 'POST' : 'GET')
    this.#exchange = new BackendExchange(
      request,
      {
        head: (head) => this.#stream.head(head),
        data: (chunk, meta) => this.#send(chunk, meta),
        end: (trailers, closeCode) => this.#stream.end(trailers, closeCode),
        reset: (error) => this.#stream.reset(error),
        drained: () => this.#stream.drained(),
      },
      maxMessageBytes,
    )
    if (open.payload.length > 0) this.#exchange.incoming.first(open.payload)
    if (!open.more) this.#exchange.incoming.end()
  }

  /** Hands the exchange to its handler, and accepts with what that answers at once, or without. */
  start(handler: ExchangeHandler): void {
    this.#stream.accept(PROTOCOL_VERSION, MAX_FRAME_BYTES, true)
    this.#parts.turnEnd.add(this)
    this.#scheduleTick()
    void runHandler(this.#exchange, handler, this.#parts.onError).then(() => {
      this.#handling = false
      this.#overIfDone()
    })
  }

  release(): void {
    this.#stream.release()
  }

  onMessage(message: Msg): void {
    const headers = headersOf(message)
    if (headers?.code === 503) {
      this.#stream.onPeerGone()
      return
    }
    if (headers === undefined) {
      this.#stream.onBroken('a message without readable headers')
      return
    }
    const frame = decodeFrame(headers, message.data)
    if (frame.type === 'broken') this.#stream.onBroken(frame.reason)
    else if (frame.type !== 'ignored') this.#stream.onFrame(frame)
  }

  onDeadline(): void {
    this.#scheduleTick()
  }

  /** NATS is gone. */
  suspend(): void {
    this.#stream.suspend()
  }

  /** NATS is back, and interest has had time to spread. */
  resume(): void {
    this.#stream.resume()
    this.#scheduleTick()
  }

  /** Ends it now, from our side. The handler hears of it, and is not waited for. */
  reset(error: ExchangeError): void {
    this.#stream.reset(error)
    this.#exchange.fail(error)
  }

  #send(chunk: Uint8Array, meta: Parameters<Stream['data']>[1]): boolean {
    const hasRoom = this.#stream.data(chunk, meta)
    // A sender that waits asks after credit sooner than one that does not.
    if (!hasRoom) this.#scheduleTick()
    return hasRoom
  }

  /** A frame that no message holds, as the head with all that its handler has put there: the client library would throw. */
  #onTooLarge(routerSubject: string): void {
    const error = new ExchangeError('internal', 'the head of the response is more than a NATS message may have')
    const frame = { type: 'reset', code: error.code, status: undefined, reason: undefined } as const
    const headers = new EncodedHeaders(encodeFrame(frame)) as unknown as MsgHdrs
    publish(this.#parts.nats, routerSubject, new Uint8Array(0), { headers })
    this.#parts.onError(error, this.#exchange.request)
    // Not from within the stream, which is sending.
    queueMicrotask(() => this.reset(error))
  }

  #scheduleTick(): void {
    const delayMs = this.#stream.onTick()
    if (delayMs !== undefined) this.#parts.wheel.schedule(this, delayMs)
  }

  #onClosed(): void {
    this.#parts.inbox.remove(this.#token)
    this.#parts.wheel.cancel(this)
    this.#overIfDone()
  }

  #overIfDone(): void {
    if (!this.#handling && this.#stream.closed) this.#onOver()
  }
}

function maxPayload(nats: NatsConnection): number {
  return nats.info?.max_payload ?? 1024 * 1024
}

/** The client library throws where a header is malformed. */
function headersOf(message: Msg): MsgHdrs | undefined {
  try {
    return message.headers
  } catch {
    return undefined
  }
}
