import assert from 'node:assert/strict'
import { MsgHdrsImpl } from 'nats/lib/nats-base-client/internal_mod.js'
import { type ErrorCode, ExchangeError } from '../../../src/exchange/errors.ts'
import type { MessageMeta, Side } from '../../../src/exchange/exchange.ts'
import { decodeFrame } from '../../../src/wire/decode-frame.ts'
import { encodeFrame } from '../../../src/wire/encode-frame.ts'
import { Stream } from '../../../src/wire/stream.ts'
import type { Habits } from './habits.ts'
import type { Addressee, Connection, Message } from './network.ts'
import type { Process, Tenant } from './process.ts'
import type { Random } from './random.ts'
import { Transcript } from './transcript.ts'
import type { VirtualClock } from './virtual-clock.ts'

const EMPTY = new Uint8Array(0)
const ENDS = /^Sx: end|^Sx-End: 1/m
const LARGEST_FRAME_BYTES = 64 * 1024
/** Chunks are handed over in here, and it is scribbled over after each call: the bytes are the caller's. */
const scratch = new Uint8Array(512 * 1024)
const LATE: Message = {
  headerBlock: encodeFrame({ type: 'reset', code: 'client_gone', status: undefined, reason: undefined }),
  payload: EMPTY,
  asksReply: false,
}

export interface EndOptions {
  readonly role: 'router' | 'backend'
  readonly clock: VirtualClock
  readonly random: Random
  readonly process: Process
  readonly habits: Habits
  /** That this end grants. */
  readonly windowBytes: number
  /** Largest frame that this end takes. */
  readonly takesBytes: number
  /** The same of the other end. */
  readonly peer: { readonly windowBytes: number; readonly takesBytes: number }
  /** False: OPEN had all that the router says. */
  readonly routerSpeaks: boolean
}

/**
 * One end of a simulated exchange: a stream, the application behind it, and what carries its messages. The application
 * checks each call that it gets against what the other end has said and against the order that `Side` promises.
 */
export class End implements Side, Addressee, Tenant {
  readonly said = new Transcript()
  readonly stream: Stream
  /** A numbered frame of ours got lost with NATS: the exchange cannot be whole any more. */
  hasLostFrame = false
  /** It was not over when NATS was lost. */
  wasInterrupted = false
  readonly #options: EndOptions
  #tickNo = 0
  #peer: End | undefined
  #connection: Connection | undefined
  #nextChunk = 0
  #waitsForRoom = false
  #saidHead = false
  #saidEnd = false
  #sentEnd = false
  #heardHead = false
  #heardEnd: boolean
  #full = false
  /** No more calls: it was reset from either end, or both have said all. */
  #over = false
  #closes = 0
  /** Bytes that have come and are not used up yet. */
  #heldBytes = 0
  #lastSeq = 0
  /** A router hears in the accept what the backend takes; one that is lost or left out limits nothing. */
  #knowsLimit: boolean
  /** How it was reset by the other end, or by the stream. */
  resetCode: ErrorCode | undefined
  #resetByUs = false

  constructor(options: EndOptions) {
    this.#options = options
    const { role, clock, windowBytes, peer, routerSpeaks } = options
    this.#knowsLimit = role === 'backend'
    this.#saidEnd = role === 'router' && !routerSpeaks
    this.#sentEnd = this.#saidEnd
    this.#heardEnd = role === 'backend' && !routerSpeaks
    this.stream = new Stream({
      role,
      local: this,
      onHead: () => this.#onHead(),
      send: (headerBlock, payload, asksReply) => this.#publish(headerBlock, payload, asksReply),
      onClosed: () => this.#onClosed(),
      now: () => clock.nowMs,
      sends: role === 'backend' || routerSpeaks,
      receives: role === 'router' || routerSpeaks,
      windowBytes,
      credit: role === 'backend' ? peer.windowBytes : 0,
      maxBytes: Math.min(LARGEST_FRAME_BYTES, role === 'backend' ? peer.takesBytes : Infinity),
    })
  }

  get reachable(): boolean {
    return this.#options.process.reachable
  }

  /** It heard all that the other said, and said all. */
  get whole(): boolean {
    return this.#heardEnd && this.#sentEnd && this.resetCode === undefined && !this.#resetByUs
  }

  start(peer: End, connection: Connection): void {
    const { clock, random, habits, process } = this.#options
    this.#peer = peer
    this.#connection = connection
    process.add(this)
    this.#tick()
    if (this.#options.role === 'backend' && random.chance(0.8)) {
      this.stream.accept(1, this.#options.takesBytes, random.chance(0.5))
      clock.after(0, () => this.stream.release())
    }
    if (habits.resetAfterMs !== undefined) clock.after(habits.resetAfterMs, () => this.#giveUp())
    if (!habits.listensFirst || this.#heardEnd) this.#goOn()
  }

  assertOver(): void {
    const { role, process } = this.#options
    if (!process.alive) return
    assert.ok(this.stream.closed, `the ${role}'s end never closed`)
    assert.equal(this.#closes, 1, 'onClosed is called once')
    const reset = this.#resetByUs || this.resetCode !== undefined
    assert.ok(reset || (this.#heardEnd && this.#saidEnd), `the ${role}'s application heard neither end nor reset`)
  }

  // The network speaks.

  onMessage(message: Message, from: Addressee): void {
    if (this.stream.closed) {
      if (message.asksReply) this.#connection!.publish(LATE, this, from)
      return
    }
    const frame = decodeFrame(MsgHdrsImpl.decode(message.headerBlock), message.payload)
    assert.ok(frame.type !== 'broken' && frame.type !== 'ignored', 'a frame of ours cannot be read')
    if ((frame.type === 'data' || frame.type === 'head') && frame.seq === this.#lastSeq + 1) {
      this.#heldBytes += frame.payload.length
    }
    if ('seq' in frame && frame.type !== 'ping' && frame.type !== 'pong' && frame.seq === this.#lastSeq + 1) {
      this.#lastSeq++
    }
    if (frame.type === 'accept') this.#knowsLimit = true
    this.stream.onFrame(frame)
    const { windowBytes } = this.#options
    assert.ok(this.#heldBytes <= windowBytes + LARGEST_FRAME_BYTES, `${this.#heldBytes} bytes held`)
  }

  onNoResponders(): void {
    if (this.reachable) this.stream.onPeerGone()
  }

  onLost(type: string): void {
    if (type === 'head' || type === 'data' || type === 'end') this.hasLostFrame = true
  }

  suspend(): void {
    if (!this.stream.closed) this.wasInterrupted = true
    this.stream.suspend()
  }

  resume(): void {
    this.stream.resume()
    this.#tick()
  }

  giveUp(): void {
    if (!this.stream.closed) this.#giveUp()
  }

  // The stream speaks.

  #onHead(): void {
    assert.equal(this.#options.role, 'router')
    this.#assertMayHear()
    assert.ok(!this.#heardHead, 'a second head')
    this.#heardHead = true
    this.#interrupt('head')
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    this.#assertMayHear()
    assert.ok(!this.#full, 'data before the application said that it has room')
    assert.ok(this.#options.role === 'backend' || this.#heardHead, 'data before the head')
    this.#peer!.said.hear(chunk, meta)
    const { habits, random, clock } = this.#options
    const bytes = chunk.length
    this.#interrupt('data')
    if (this.#over || !random.chance(habits.fullChance)) {
      this.#heldBytes -= bytes
      return true
    }
    if (habits.drainMs === 0) {
      this.#heldBytes -= bytes
      this.stream.drained()
      return false
    }
    this.#full = true
    clock.after(1 + random.below(habits.drainMs), () => this.#drain(bytes))
    return false
  }

  end(): void {
    this.#assertMayHear()
    assert.ok(!this.#full, 'an end before the application said that it has room')
    this.#heardEnd = true
    this.#peer!.said.hearEnd()
    if (this.#sentEnd) this.#over = true
    this.#interrupt('end')
    if (this.#options.habits.listensFirst) this.#goOn()
  }

  reset({ code }: ExchangeError): void {
    assert.ok(!this.#over, `a reset (${code}) after it was over`)
    this.#over = true
    this.resetCode = code
    assert.notEqual(code, 'protocol_error')
  }

  drained(): void {
    assert.ok(!this.#over, 'drained after it was over')
    assert.ok(!this.#saidEnd, 'drained after the application has ended')
    this.#interrupt('drained')
    if (!this.#waitsForRoom) return
    this.#waitsForRoom = false
    this.#goOn()
  }

  // The application speaks.

  #goOn(): void {
    const { clock, random, habits } = this.#options
    if (habits.paceMs === 0) this.#speak()
    else clock.after(random.below(habits.paceMs), () => this.#speak())
  }

  #speak(): void {
    const { habits, process } = this.#options
    if (this.#over || this.#saidEnd || !process.alive) return
    this.#sayHead()
    const chunk = habits.chunks[this.#nextChunk++]
    if (chunk === undefined) {
      this.#sayEnd()
      return
    }
    this.said.say(chunk)
    const { length } = chunk.payload
    scratch.set(chunk.payload)
    const room = this.stream.data(scratch.subarray(0, length), chunk.meta)
    scratch.fill(0, 0, length)
    this.#waitsForRoom = !room && habits.heedsFull
    if (!this.#waitsForRoom) this.#goOn()
  }

  #sayHead(): void {
    if (this.#options.role === 'router' || this.#saidHead) return
    this.#saidHead = true
    this.stream.head({ status: 200, headers: [] })
  }

  #sayEnd(): void {
    if (this.#over || this.#saidEnd) return
    this.#sayHead()
    this.#saidEnd = true
    this.said.end()
    this.stream.end()
  }

  #giveUp(): void {
    if (this.#over || !this.#options.process.alive) return
    this.#over = true
    this.#resetByUs = true
    this.stream.reset(new ExchangeError('internal', 'the application gave up'))
  }

  #interrupt(during: NonNullable<Habits['interrupts']>['in']): void {
    const { habits, random } = this.#options
    const { interrupts } = habits
    if (interrupts?.in !== during || random.chance(0.5)) return
    if (interrupts.with === 'reset') this.#giveUp()
    else this.#sayEnd()
  }

  #drain(bytes: number): void {
    this.#full = false
    this.#heldBytes -= bytes
    if (this.#options.process.alive) this.stream.drained()
  }

  #assertMayHear(): void {
    assert.ok(!this.#over, 'a call after it was over')
    assert.ok(!this.#heardEnd, 'a call after the end')
  }

  #publish(headerBlock: Uint8Array, payload: Uint8Array, asksReply: boolean): void {
    assert.equal(this.#closes, 0, 'a frame after the stream has closed')
    if (this.#knowsLimit) {
      assert.ok(payload.length <= this.#options.peer.takesBytes, 'a frame larger than the peer takes')
    }
    if (ENDS.test(Buffer.from(headerBlock).toString('latin1'))) this.#sentEnd = true
    // A copy, as a client library makes one before the turn is over.
    this.#connection!.publish({ headerBlock, payload: new Uint8Array(payload), asksReply }, this, this.#peer!)
  }

  #onClosed(): void {
    this.#closes++
    if (this.#heardEnd && this.#sentEnd) this.#over = true
  }

  #tick(): void {
    const { process, clock } = this.#options
    if (!process.alive || this.stream.closed) return
    const delayMs = this.stream.onTick()
    const tickNo = ++this.#tickNo
    if (delayMs === undefined) return
    clock.after(delayMs, () => {
      // Another was asked for since.
      if (tickNo === this.#tickNo) this.#tick()
    })
  }
}
