import { type ErrorCode, ExchangeError } from '../exchange/errors.ts'
import type { HeaderList, MessageMeta, ResponseHead, Side } from '../exchange/exchange.ts'
import { announcedLength } from './content-length.ts'
import { Delivery, type Ending } from './delivery.ts'
import { encodeFrame } from './encode-frame.ts'
import {
  type AcceptFrame,
  type EndFrame,
  type Frame,
  type HeadFrame,
  type PingFrame,
  PROTOCOL_VERSION,
} from './frame.ts'
import { Pulse } from './pulse.ts'
import { ReceiveWindow } from './receive-window.ts'
import { SendWindow } from './send-window.ts'
import type { WindowBudget } from './window-budget.ts'

/** How often a sender looks whether it is blocked. */
const SENDER_TICK_MS = 1000
/** How often data asks for a 503 in case that nobody is there. */
const REPLY_EVERY_FRAMES = 16
/** What may wait for the end of the turn in which an exchange began. */
const MAX_HELD_BYTES = 64 * 1024
/** What may wait for credit after `data` said that it is full: a client cannot always be stopped at once. */
const MAX_WAITING_BYTES = 128 * 1024 * 1024

const EMPTY = new Uint8Array(0)

/** What one end of a stream gets. A backend has no use for `head`. */
export interface StreamLocal extends Side {
  head(head: ResponseHead): void
}

export interface StreamOptions {
  /** The router's end sends no head; a backend's end takes none. */
  readonly role: 'router' | 'backend'
  readonly local: StreamLocal
  /**
   * Publishes a frame to the peer. With `asksReply`, our own subject is its reply: a peer that is gone then draws a 503.
   */
  readonly send: (headerBlock: Uint8Array, payload: Uint8Array, asksReply: boolean) => void
  /** Called once, when nothing comes or goes any more. */
  readonly onClosed: () => void
  readonly now: () => number
  /** False: our direction was over before it began, as an OPEN without `Sx-More` says of the router's; no `end` is sent. */
  readonly sends: boolean
  /** False: the same of the peer's direction. */
  readonly receives: boolean
  /** Bytes that the peer may have on the way to us, to begin with; */
  readonly windowBytes: number
  /** and what that may grow out of, if it may. */
  readonly windowBudget?: WindowBudget
  /** What the peer lets us send from the start. */
  readonly credit: number
  /** Largest payload of one frame that we may send. */
  readonly maxBytes: number
  /** Of a router: the response has as many bytes as its content-length says, or it is cut. */
  readonly checksLength?: boolean
  /**
   * True: the chunks given to `data` are ours to keep. Otherwise they are the caller's again once the microtasks of this
   * turn have run, and what has to wait for longer is copied.
   */
  readonly ownsChunks?: boolean
}

/**
 * One end of an accepted exchange, the same at either: numbers, credit, half-close, gaps and silence. Pure: it has no
 * timer of its own, and says after each `onTick` when it wants the next.
 *
 * States of each direction: `open` -> `ended`. The stream is closed when both have ended, or at once by a reset from
 * either end, a gap, an overrun, a broken frame, a 503 or silence.
 */
export class Stream implements Side {
  readonly #options: StreamOptions
  readonly #sending: SendWindow
  readonly #receiving: ReceiveWindow
  readonly #delivery: Delivery
  readonly #pulse: Pulse
  #closed = false
  #endWanted: Ending | undefined
  #sendingEnded = false
  /** The peer has said that it was all. */
  #allReceived = false
  /** Our end has got it all. */
  #receivingEnded = false
  #headed = false
  /** Bytes that the head has announced; -1: any number. */
  #announcedBytes = -1
  /** An accept that waits for what our end answers at once. */
  #heldAccept: AcceptFrame | undefined
  /** A head that waits with it, or for NATS to return. */
  #headWanted: Pick<ResponseHead, 'status' | 'headers'> | undefined
  #dataFrames = 0
  #peerFull = false

  constructor(options: StreamOptions) {
    this.#options = options
    this.#sending = new SendWindow(options.credit, options.maxBytes)
    this.#receiving = new ReceiveWindow(options.windowBytes, options.windowBudget)
    this.#sendingEnded = !options.sends
    this.#allReceived = !options.receives
    this.#receivingEnded = !options.receives
    this.#delivery = new Delivery(
      options.local,
      (payloadBytes) => this.#use(payloadBytes),
      (end) => this.#endReceiving(end),
    )
    this.#pulse = new Pulse(options.now)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Absolute bytes that the peer may send. */
  get granted(): number {
    return this.#receiving.granted
  }

  /** Both have said all: the peer may forget us while our end still drains. */
  get #nothingToHear(): boolean {
    return this.#allReceived && this.#sendingEnded
  }

  // Our end speaks.

  /**
   * Backend only: takes the exchange.
   * @param isHeld nothing leaves before `release`: an answer that comes in the meantime needs no accept before it
   */
  accept(version: number, maxBytes: number, isHeld = false): void {
    if (this.#closed) return
    this.#heldAccept = { type: 'accept', version, credit: this.granted, maxBytes }
    if (!isHeld) this.#sendAccept()
  }

  /** Backend only: what was held since `accept` leaves, a short response in one frame. */
  release(): void {
    if (this.#closed || this.#heldAccept === undefined) return
    if (this.#headWanted === undefined) this.#sendAccept()
    else {
      const { maxBytes } = this.#heldAccept
      this.#heldAccept = undefined
      if (!this.#pulse.isQuiet) this.#sendHead(this.#headWanted, maxBytes)
    }
    this.#pump()
  }

  /** Backend only, before data. Implies `accept`. */
  head(head: Pick<ResponseHead, 'status' | 'headers'>): void {
    if (this.#closed || this.#headed || this.#sendingEnded) return
    this.#headed = true
    this.#headWanted = head
    this.#pump()
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    if (this.#closed || this.#endWanted !== undefined || this.#sendingEnded) return true
    this.#sending.push(chunk, meta)
    this.#pump()
    if (this.#closed || !this.#sending.blocked) return true
    if (this.#options.ownsChunks !== true) this.#sending.copyLast()
    // It may be all, and its end must not wait for room.
    if (this.#heldAccept !== undefined && this.#sending.waitingBytes <= MAX_HELD_BYTES) return true
    if (this.#sending.waitingBytes > MAX_WAITING_BYTES) {
      this.#fail(new ExchangeError('too_large', 'the sender did not stop when it was told to'))
      return true
    }
    this.#peerFull = true
    return false
  }

  end(trailers: HeaderList = [], closeCode?: number): void {
    if (this.#closed || this.#endWanted !== undefined || this.#sendingEnded) return
    this.#endWanted = { trailers, closeCode }
    this.#peerFull = false
    this.#pump()
  }

  reset(error: ExchangeError): void {
    if (this.#closed) return
    this.#sendReset(error)
    this.#close()
  }

  /** Our end has used up all that it was handed. */
  drained(): void {
    this.#delivery.drained()
  }

  /** NATS is gone: what is sent now would be lost. Data waits; a reset is heard by the peer's next ping. */
  suspend(): void {
    this.#pulse.onDown()
  }

  /**
   * NATS is back. Asks the peer what it has until it answers, and sends nothing else before: what it missed would be a
   * gap. `onTick` is to be called after this.
   */
  resume(): void {
    if (this.#pulse.onReturn() && !this.#nothingToHear) this.ping()
  }

  // The peer speaks.

  onFrame(frame: Frame): void {
    if (this.#closed) return
    const hasReturned = this.#pulse.onHeard()
    if (this.#nothingToHear) {
      // All was said on both sides: nothing takes away what our end still has to read. A peer that asks missed our end.
      if (frame.type === 'ping') this.#send(this.#position('pong'), EMPTY, false)
      return
    }
    this.#take(frame)
    if (hasReturned && !this.#closed) this.#pump()
  }

  #take(frame: Frame): void {
    switch (frame.type) {
      case 'accept':
        this.#onAccept(frame)
        break
      case 'head':
        this.#onHead(frame)
        break
      case 'data':
        if (this.#arrive('data', frame.seq, frame.payload.length)) this.#deliver(frame.payload, frame.meta)
        break
      case 'end':
        this.#onEnd(frame)
        break
      case 'reset':
        this.#close()
        this.#options.local.reset(resetError(frame.code, frame.status, frame.reason))
        break
      case 'credit':
        this.#grant(frame.credit)
        break
      case 'ping':
      case 'pong':
        this.#onPing(frame)
        break
    }
  }

  /** A message that is no frame at all. */
  onBroken(reason: string): void {
    if (!this.#nothingToHear) this.#fail(new ExchangeError('protocol_error', reason))
  }

  /** A 503: nobody is there to hear us. */
  onPeerGone(): void {
    if (!this.#nothingToHear && !this.#pulse.awaitsReturn) this.#lose('the other end is gone')
  }

  /** @returns milliseconds until it wants to be called again; undefined: never */
  onTick(): number | undefined {
    if (this.#closed || this.#nothingToHear) return undefined
    const pulse = this.#pulse
    if (pulse.isDown) return pulse.everyMs
    if (pulse.isDead) {
      this.#lose(`the other end has been silent for ${pulse.silentMs} ms`)
      return undefined
    }
    let dueMs = pulse.dueMs(this.#sending.seq)
    if (dueMs <= 0) {
      // However little its credit covers: a peer that never grants more at once still gets a frame a second.
      if (this.#sending.blocked) this.#pump(1)
      this.ping()
      dueMs = pulse.everyMs
    }
    // Whoever may send may be blocked by then.
    return this.#sendingEnded ? dueMs : Math.min(dueMs, SENDER_TICK_MS)
  }

  /** Asks the peer what it has; also after NATS was lost, to find out what was lost with it. */
  ping(): void {
    if (this.#closed) return
    this.#pulse.onPinged()
    this.#send(this.#position('ping'), EMPTY, true)
  }

  #onAccept({ version, credit, maxBytes }: AcceptFrame): void {
    if (this.#options.role === 'backend') this.onBroken('a router does not accept')
    else if (version !== PROTOCOL_VERSION) this.onBroken(`accepted with version ${version}`)
    else this.#openSending(credit, maxBytes)
  }

  #onHead(frame: HeadFrame): void {
    if (this.#options.role === 'backend') {
      this.onBroken('a router sends no head')
      return
    }
    if (!this.#arrive('head', frame.seq, frame.payload.length)) return
    if (this.#headed) {
      this.onBroken('a second head')
      return
    }
    this.#headed = true
    const { status, headers, payload, end } = frame
    const { local, checksLength } = this.#options
    if (checksLength === true && !hasNoContent(status)) this.#announcedBytes = announcedLength(headers)
    if (!this.#fitsLength(end)) return
    local.head({ status, headers, length: end ? payload.length : this.#announcedBytes, messages: false })
    // Each call of our end may be its last.
    if (this.#closed) return
    if (payload.length > 0) this.#deliver(payload, undefined)
    else this.#use(0)
    if (!this.#closed) this.#openSending(frame.credit ?? 0, frame.maxBytes ?? Infinity)
    if (end && !this.#closed) this.#onAllReceived({ trailers: [], closeCode: undefined })
  }

  #onEnd(end: EndFrame): void {
    const { seq, bytes } = end
    if (!this.#arrive('end', seq, 0)) return
    if (this.#options.role === 'router' && !this.#headed) this.onBroken('an end before the head')
    else if (bytes !== this.#receiving.bytes)
      this.#fail(new ExchangeError('gap', `${bytes} bytes sent, ${this.#receiving.bytes} came`))
    else if (this.#fitsLength(true)) this.#onAllReceived(end)
  }

  /** Whether what has come may be all, or a part, of what the head has announced. */
  #fitsLength(isAll: boolean): boolean {
    const { bytes } = this.#receiving
    const announced = this.#announcedBytes
    if (announced < 0 || bytes === announced || (bytes < announced && !isAll)) return true
    this.onBroken(`the body has ${bytes} bytes ${isAll ? '' : 'so far '}and its content-length is ${announced}`)
    return false
  }

  #onPing({ type, seq, credit, bytes }: PingFrame): void {
    if (!this.#receiving.agrees(seq, bytes)) {
      this.#fail(new ExchangeError('gap', `frame ${seq} was sent and did not come`))
      return
    }
    if (type === 'ping') this.#send(this.#position('pong'), EMPTY, false)
    this.#grant(credit)
  }

  /** Whether a sequenced frame is the next one and may be delivered. */
  #arrive(type: 'head' | 'data' | 'end', seq: number, payloadBytes: number): boolean {
    const arrival = this.#receiving.arrive(type, seq, payloadBytes)
    if (arrival === 'duplicate') return false
    if (arrival === 'gap') this.#fail(new ExchangeError('gap', `frame ${seq} came before one that is missing`))
    else if (arrival === 'overrun') this.onBroken('more than the credit covers')
    else if (this.#allReceived) this.onBroken('a frame after the end')
    else return true
    return false
  }

  #deliver(payload: Uint8Array, meta: MessageMeta | undefined): void {
    if (this.#options.role === 'router' && !this.#headed) {
      this.onBroken('data before the head')
      return
    }
    if (this.#fitsLength(false)) this.#delivery.push(payload, meta)
  }

  #use(payloadBytes: number): void {
    const credit = this.#receiving.use(payloadBytes, this.#delivery.idle, this.#options.now())
    if (credit === undefined || this.#closed || this.#allReceived) return
    this.#send({ type: 'credit', credit }, EMPTY, false)
  }

  #onAllReceived(end: Ending): void {
    this.#allReceived = true
    this.#delivery.end(end)
  }

  #endReceiving({ trailers, closeCode }: Ending): void {
    this.#receivingEnded = true
    const { local } = this.#options
    this.#closeIfEnded()
    local.end(trailers, closeCode)
  }

  #openSending(credit: number, maxBytes: number): void {
    this.#sending.open(credit, maxBytes)
    this.#pump()
  }

  #grant(credit: number): void {
    this.#sending.grant(credit)
    this.#pump()
  }

  /** Sends what credit covers, tells our end that there is room again, and at last says that it was all. */
  #pump(leastBytes?: number): void {
    if (this.#pulse.isQuiet || this.#heldAccept !== undefined) return
    if (this.#headWanted !== undefined) this.#sendHead(this.#headWanted)
    if (this.#sendingEnded) return
    for (let piece = this.#sending.take(leastBytes); piece !== undefined; piece = this.#sending.take(leastBytes)) {
      const { seq, payload, meta } = piece
      const asksReply = this.#dataFrames++ % REPLY_EVERY_FRAMES === 0
      this.#send({ type: 'data', seq, payload, meta }, payload, asksReply)
      this.#pulse.onFlowing()
    }
    if (this.#sending.blocked) {
      this.#pulse.onBlocked()
      return
    }
    if (this.#endWanted !== undefined) {
      this.#sendingEnded = true
      const { bytes } = this.#sending
      this.#send({ type: 'end', seq: this.#sending.next(0, false), bytes, ...this.#endWanted }, EMPTY, true)
      this.#closeIfEnded()
    } else if (this.#peerFull) {
      this.#peerFull = false
      this.#options.local.drained()
    }
  }

  #sendAccept(): void {
    const accept = this.#heldAccept
    this.#heldAccept = undefined
    if (accept !== undefined) this.#send(accept, EMPTY, true)
  }

  /** @param maxBytes with a head in the place of an accept */
  #sendHead({ status, headers }: Pick<ResponseHead, 'status' | 'headers'>, maxBytes?: number): void {
    this.#headWanted = undefined
    const ending = this.#endWanted
    const isBare = ending?.trailers.length === 0 && ending.closeCode === undefined
    const whole = isBare ? this.#sending.takeWhole() : undefined
    const end = whole !== undefined
    const payload = whole ?? EMPTY
    const seq = this.#sending.next(payload.length, true)
    if (end) this.#sendingEnded = true
    this.#send({ type: 'head', seq, status, headers, payload, end, credit: this.granted, maxBytes }, payload, true)
    if (end) this.#closeIfEnded()
  }

  #position(type: 'ping' | 'pong'): PingFrame {
    this.#pulse.onTold(this.#sending.seq)
    return { type, seq: this.#sending.seq, credit: this.granted, bytes: this.#sending.bytes }
  }

  #send(frame: Frame, payload: Uint8Array, asksReply: boolean): void {
    // What is not sent has no number: a credit is made up for by the next ping or pong, an accept by the head.
    if (this.#pulse.isDown || (this.#pulse.isQuiet && frame.type !== 'ping' && frame.type !== 'reset')) return
    this.#options.send(encodeFrame(frame), payload, asksReply)
  }

  #sendReset(error: ExchangeError): void {
    // In its place, `busy` would promise that nothing was processed.
    this.#sendAccept()
    const reset = { type: 'reset', code: error.code, status: undefined, reason: error.detail } as const
    this.#send(reset, EMPTY, false)
  }

  /** The peer is at fault, or the way to it: both ends hear of it. */
  #fail(error: ExchangeError): void {
    if (this.#closed) return
    this.#sendReset(error)
    this.#close()
    this.#options.local.reset(error)
  }

  #lose(message: string): void {
    if (this.#closed) return
    const code = this.#options.role === 'router' ? 'backend_lost' : 'client_gone'
    this.#close()
    this.#options.local.reset(new ExchangeError(code, message))
  }

  #closeIfEnded(): void {
    if (this.#sendingEnded && this.#receivingEnded) this.#close()
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#sending.clear()
    this.#receiving.close()
    this.#delivery.stop()
    this.#options.onClosed()
  }
}

/** RFC 9110 sections 15.3.5 and 15.4.5: whatever the length that it says, no body follows. */
function hasNoContent(status: number): boolean {
  return status === 204 || status === 304
}

/** The peer's reset as our end hears it. */
export function resetError(code: ErrorCode, status: number | undefined, reason: string | undefined): ExchangeError {
  return new ExchangeError(
    code,
    `the other end reset the stream: ${code}${reason === undefined ? '' : `: ${reason}`}`,
    {
      ...(status !== undefined && { status }),
      ...(reason !== undefined && { detail: reason }),
    },
  )
}
