import { ExchangeError } from '../../src/exchange/errors.ts'
import type { MessageMeta } from '../../src/exchange/exchange.ts'
import type { DataFrame, HeadFrame } from '../../src/wire/frame.ts'
import { Stream } from '../../src/wire/stream.ts'
import type { StreamOptions } from '../../src/wire/stream-options.ts'

/** Of a harness that is not told otherwise. */
export const WINDOW_BYTES = 1000
/** What an end resets with. */
export const ERROR = new ExchangeError('internal', 'the application gave up')
/** All that an end may hear. */
export const ALL_CALLS = ['head', 'data', 'end', 'drained', 'reset'] as const

/** A stream with what it sent and what its end heard, each as one line; `on` is called in the midst of a call. */
export class Harness {
  readonly sent: string[] = []
  readonly heard: string[] = []
  readonly stream: Stream
  on: (call: (typeof ALL_CALLS)[number]) => void = () => {}
  hasRoom = true
  length = -1
  nowMs = 1000
  closes = 0

  constructor(options: Partial<StreamOptions> = {}) {
    this.stream = new Stream({
      role: 'router',
      sends: true,
      receives: true,
      windowBytes: WINDOW_BYTES,
      credit: 10_000,
      maxBytes: 10_000,
      now: () => this.nowMs,
      onClosed: () => this.closes++,
      send: (block, payload, asksReply) => {
        const sx = /Sx: (.*)\r\n/.exec(Buffer.from(block).toString('latin1'))![1]
        const text = payload.length > 0 ? ` ${Buffer.from(payload)}` : ''
        this.sent.push(`${sx}${text}${asksReply ? ' ?' : ''}`)
      },
      onHead: ({ status, length }) => {
        this.length = length
        this.#hear('head', `head ${status}`)
      },
      local: {
        data: (chunk: Uint8Array, _meta?: MessageMeta) => {
          this.#hear('data', `data ${Buffer.from(chunk)}`)
          return this.hasRoom
        },
        end: () => this.#hear('end', 'end'),
        reset: ({ code }) => this.#hear('reset', `reset ${code}`),
        drained: () => this.#hear('drained', 'drained'),
      },
      ...options,
    })
  }

  /** What it sent since it was asked last. */
  takeSent(): string[] {
    return this.sent.splice(0)
  }

  takeHeard(): string[] {
    return this.heard.splice(0)
  }

  #hear(call: (typeof ALL_CALLS)[number], line: string): void {
    this.heard.push(line)
    this.on(call)
  }
}

/** Frames of a peer. */
export function data(seq: number, text: string): DataFrame {
  return { type: 'data', seq, payload: Buffer.from(text), meta: undefined }
}

export function head(text = '', end = false): HeadFrame {
  return {
    type: 'head',
    seq: 1,
    status: 200,
    headers: [],
    payload: Buffer.from(text),
    end,
    credit: 20_000,
    maxBytes: undefined,
  }
}

export function end(seq: number, bytes: number) {
  return { type: 'end', seq, bytes, trailers: [] } as const
}

export const grant = (credit: number) => ({ type: 'credit', credit }) as const
export const RESET = { type: 'reset', code: 'busy', status: undefined, reason: undefined } as const
