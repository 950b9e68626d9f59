import { EventEmitter, once } from 'node:events'
import type { TestContext } from 'node:test'
import type { Msg, NatsConnection } from 'nats'
import { decodeFrame } from '../../src/wire/decode-frame.ts'
import { FRAME_OVERHEAD_BYTES, type Frame } from '../../src/wire/frame.ts'

const DEADLINE_MS = 20_000

/** What has gone one way. */
export interface Direction {
  readonly frames: Frame['type'][]
  /** Of data. */
  payloadBytes: number
  /** Of head and data, as credit counts it; */
  costBytes: number
  /** and what the other end has granted. */
  creditBytes: number
}

/**
 * Listens on NATS to the next exchange of a subject, both ways, and notes what breaks the rules of numbers and credit.
 * Its own interest keeps 503s from both ends: it is not for cases of which one end goes away.
 */
export class Tap {
  readonly toBackend = direction()
  readonly toRouter = direction()
  readonly violations: string[] = []
  readonly #events = new EventEmitter()
  readonly #close: () => void
  #routerSubject = ''
  #backendSubject = ''

  private constructor(nats: NatsConnection, subject: string) {
    const opens = nats.subscribe(subject, { callback: (_error, message) => this.#onOpen(message) })
    const frames = nats.subscribe('_INBOX.>', { callback: (_error, message) => this.#onMessage(message) })
    this.#close = () => {
      opens.unsubscribe()
      frames.unsubscribe()
    }
  }

  /** Closed at the end of the test. */
  static async on(t: TestContext, nats: NatsConnection, subject: string): Promise<Tap> {
    const tap = new Tap(nats, subject)
    t.after(() => tap.#close())
    await nats.flush()
    return tap
  }

  /** Waits for it. */
  async until(condition: () => boolean): Promise<void> {
    const signal = AbortSignal.timeout(DEADLINE_MS)
    while (!condition()) await once(this.#events, 'frame', { signal })
  }

  #onOpen(message: Msg): void {
    if (this.#routerSubject !== '') return
    this.#routerSubject = message.reply ?? ''
    this.toRouter.creditBytes = Number(message.headers?.get('Sx-Credit') ?? 0)
  }

  #onMessage({ subject, reply = '', headers, data }: Msg): void {
    const isToRouter = subject === this.#routerSubject
    if (headers === undefined || !(isToRouter || subject === this.#backendSubject)) return
    const frame = decodeFrame(headers, data)
    if (frame.type === 'broken') this.violations.push(frame.reason)
    if (frame.type === 'broken' || frame.type === 'ignored') return
    if (isToRouter && this.#backendSubject === '') this.#backendSubject = reply
    if (isToRouter) this.#note(frame, this.toRouter, this.toBackend)
    else this.#note(frame, this.toBackend, this.toRouter)
    this.#events.emit('frame')
  }

  #note(frame: Frame, way: Direction, back: Direction): void {
    way.frames.push(frame.type)
    if ('credit' in frame) back.creditBytes = Math.max(back.creditBytes, frame.credit ?? 0)
    if (frame.type !== 'head' && frame.type !== 'data') return
    way.payloadBytes += frame.payload.length
    way.costBytes += frame.payload.length + FRAME_OVERHEAD_BYTES
    if (frame.type === 'data' && way.costBytes > way.creditBytes) {
      this.violations.push(`data ${frame.seq}: ${way.costBytes} of ${way.creditBytes} bytes that were granted`)
    }
  }
}

function direction(): Direction {
  return { frames: [], payloadBytes: 0, costBytes: 0, creditBytes: 0 }
}
