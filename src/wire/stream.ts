import { ExchangeError } from '../exchange/errors.ts'
import type { HeaderList, MessageMeta, ResponseHead, Side } from '../exchange/exchange.ts'
import { LengthCheck } from './content-length.ts'
import { Delivery, type DeliveryOwner, type Ending } from './delivery.ts'
import type { AcceptFrame, EndFrame, Frame, HeadFrame, PingFrame } from './frame.ts'
import { PROTOCOL_VERSION } from './frame.ts'
import { Outgoing } from './outgoing.ts'
import { Pulse } from './pulse.ts'
import { ReceiveWindow } from './receive-window.ts'
import { resetError } from './reset-error.ts'
import type { StreamOptions } from './stream-options.ts'

/** How often a sender looks whether it is blocked. */
const SENDER_TICK_MS = 1000

/**
 * One end of an accepted exchange, the same at either: numbers, credit, half-close, gaps and silence. Pure: it has no
 * timer of its own, and says after each `onTick` when it wants the next.
 *
 * States of each direction: `open` -> `ended`. The stream is closed when both have ended, or at once by a reset from
 * either end, a gap, an overrun, a broken frame, a 503 or silence.
 */
export class Stream implements Side, DeliveryOwner {
  readonly #options: StreamOptions
  readonly #outgoing: Outgoing
  readonly #receiving: ReceiveWindow
  readonly #delivery: Delivery
  readonly #pulse: Pulse
  readonly #length: LengthCheck | undefined
  #closed = false
  /** The peer has said that it was all. */
  #allReceived = false
  /** Our end has got it all. */
  #receivingEnded = false
  #headed = false

  constructor(options: StreamOptions) {
    this.#options = options
    this.#receiving = new ReceiveWindow(options.windowBytes, options.windowBudget)
    this.#allReceived = !options.receives
    this.#receivingEnded = !options.receives
    this.#delivery = new Delivery(options.local, this)
    this.#length = options.checksLength === true ? new LengthCheck() : undefined
    this.#pulse = new Pulse(options)
    this.#outgoing = new Outgoing(options, this.#pulse, this.#receiving, this)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Of what our end has said, what has yet to go. */
  get waitingBytes(): number {
    return this.#outgoing.waitingBytes
  }

  /** Our end takes no more for now. */
  get isFull(): boolean {
    return this.#delivery.isFull
  }

  /** Both have said all: the peer may forget us while our end still drains. */
  get #nothingToHear(): boolean {
    return this.#allReceived && this.#outgoing.ended
  }

  // Our end speaks.

  /**
   * Backend only: takes the exchange.
   * @param isHeld nothing leaves before `release`: an answer that comes in the meantime needs no accept before it
   */
  accept(version: number, maxBytes: number, isHeld = false): void {
    this.#outgoing.accept(version, maxBytes, isHeld)
  }

  /** Backend only: what was held since `accept` leaves, a short response in one frame. */
  release(): void {
    this.#outgoing.release()
  }

  /** Backend only, before data. Implies `accept`. */
  head(head: Pick<ResponseHead, 'status' | 'headers'>): void {
    this.#outgoing.head(head)
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    const hasRoom = this.#outgoing.data(chunk, meta)
    if (!this.#outgoing.isOverfull) return hasRoom
    const detail = 'It came faster than it could be passed on'
    this.#fail(new ExchangeError('too_large', 'the sender did not stop when it was told to', { detail }))
    return true
  }

  end(trailers: HeaderList = [], closeCode?: number): void {
    this.#outgoing.end(trailers, closeCode)
  }

  reset(error: ExchangeError): void {
    if (this.#closed) return
    this.#outgoing.reset(error)
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
    if (!this.#closed && this.#pulse.onReturn() && !this.#nothingToHear) this.#outgoing.tell('ping')
  }

  // The peer speaks.

  onFrame(frame: Frame): void {
    if (this.#closed) return
    const hasReturned = this.#pulse.onHeard()
    if (this.#nothingToHear) {
      // All was said on both sides: nothing takes away what our end still has to read. A peer that asks missed our end.
      if (frame.type === 'ping') this.#outgoing.tell('pong')
      return
    }
    this.#take(frame)
    if (hasReturned && !this.#closed) this.#outgoing.pump()
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
        this.#fail(resetError(frame.code, frame.status, frame.reason), false)
        break
      case 'credit':
        this.#outgoing.grant(frame.credit)
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
      this.#lose(`the other end has been silent for ${Math.round(pulse.silentMs)} ms`)
      return undefined
    }
    let dueMs = pulse.dueMs(this.#outgoing.seq)
    if (dueMs <= 0) {
      // However little its credit covers: a peer that never grants more at once still gets a frame a second.
      if (this.#outgoing.blocked) this.#outgoing.pump(1)
      if (this.#closed) return undefined
      this.#outgoing.tell('ping')
      dueMs = pulse.everyMs
    }
    // Whoever may send may be blocked by then.
    return this.#outgoing.ended ? dueMs : Math.min(dueMs, SENDER_TICK_MS)
  }

  #onAccept({ version, credit, maxBytes }: AcceptFrame): void {
    if (this.#options.role === 'backend') this.onBroken('a router does not accept')
    else if (version !== PROTOCOL_VERSION) this.onBroken(`accepted with version ${version}`)
    else this.#outgoing.open(credit, maxBytes)
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
    this.#length?.onHead(status, headers)
    if (!this.#fitsLength(end)) return
    const length = end ? payload.length : (this.#length?.announced ?? -1)
    this.#options.onHead?.({ status, headers, length, messages: false })
    // Each call of our end may be its last.
    if (this.#closed) return
    if (payload.length > 0) this.#delivery.push(payload, undefined)
    else this.onUsed(0)
    if (!this.#closed) this.#outgoing.open(frame.credit ?? 0, frame.maxBytes ?? Infinity)
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
    const fault = this.#length?.fault(this.#receiving.bytes, isAll)
    if (fault !== undefined) this.onBroken(fault)
    return fault === undefined
  }

  #onPing({ type, seq, credit, bytes }: PingFrame): void {
    if (!this.#receiving.agrees(seq, bytes)) {
      this.#fail(new ExchangeError('gap', `frame ${seq} was sent and did not come`))
      return
    }
    if (type === 'ping') this.#outgoing.tell('pong')
    this.#outgoing.grant(credit)
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

  #onAllReceived(end: Ending): void {
    this.#allReceived = true
    this.#delivery.end(end)
  }

  /** Our end hears why it is over, and the peer too, unless it knows or is gone. */
  #fail(error: ExchangeError, tellsPeer = true): void {
    if (this.#closed) return
    if (tellsPeer) this.#outgoing.reset(error)
    this.#close()
    this.#options.local.reset(error)
  }

  #lose(message: string): void {
    const code = this.#options.role === 'router' ? 'backend_lost' : 'client_gone'
    this.#fail(new ExchangeError(code, message), false)
  }

  // Its parts speak.

  /** @internal */
  onUsed(payloadBytes: number): void {
    // A window that grows now would never give it back.
    if (this.#closed) return
    const credit = this.#receiving.use(payloadBytes, this.#delivery.idle, this.#options.now())
    if (credit === undefined || this.#allReceived) return
    this.#outgoing.credit(credit)
  }

  /** @internal */
  onDelivered({ trailers, closeCode }: Ending): void {
    this.#receivingEnded = true
    this.#closeIfEnded()
    this.#options.local.end(trailers, closeCode)
  }

  /** @internal */
  onSaid(): void {
    this.#closeIfEnded()
  }

  #closeIfEnded(): void {
    if (this.#outgoing.ended && this.#receivingEnded) this.#close()
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#outgoing.stop()
    this.#receiving.close()
    this.#delivery.stop()
    this.#options.onClosed()
  }
}
