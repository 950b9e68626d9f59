/** Replays docs/vectors, which any implementation of SX/1 can replay (docs/vectors/README.md), against this one. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { MsgHdrsImpl } from 'nats/lib/nats-base-client/internal_mod.js'
import { type ErrorCode, ExchangeError } from '../../src/exchange/errors.ts'
import type { MessageMeta } from '../../src/exchange/exchange.ts'
import { decodeFrame, decodeOpen, isFrame } from '../../src/wire/decode-frame.ts'
import { encodeFrame } from '../../src/wire/encode-frame.ts'
import type { Frame } from '../../src/wire/frame.ts'
import { Stream } from '../../src/wire/stream.ts'

type Payload = string | { readonly repeat: string; readonly count: number }

interface Decoding {
  readonly name: string
  readonly reads: 'first' | 'stream'
  readonly headers: string
  readonly payload?: string
  readonly result: string | { readonly frame: Record<string, unknown> }
}

interface Encoding {
  readonly name: string
  readonly frame: Record<string, unknown>
  readonly headers: string
}

interface Step {
  readonly receive?: readonly string[]
  readonly expect?: readonly string[]
  readonly expectNothing?: true
  readonly asksReply?: boolean
  readonly local?: 'accept' | 'head' | 'data' | 'end' | 'reset' | 'pause' | 'resume'
  readonly hears?: 'head' | 'data' | 'end' | 'reset'
  readonly advanceMs?: number
  readonly noResponders?: true
  readonly nats?: 'lost' | 'back'
  readonly payload?: Payload
  readonly status?: number
  readonly headers?: readonly string[]
  readonly code?: ErrorCode
  readonly type?: 'text' | 'binary'
  readonly fin?: false
}

interface Conversation {
  readonly name: string
  readonly role: 'router' | 'backend'
  readonly about: string
  /** Bytes that the end under test grants at first. */
  readonly window?: number
  /** Of the router's role: false if OPEN had all of the body. */
  readonly more?: boolean
  readonly steps: readonly Step[]
}

const WINDOW_BYTES = 256 * 1024
const MAX_BYTES = 64 * 1024
const START_MS = 1000

const root = join(import.meta.dirname, '../../docs/vectors')
const { decode, encode } = read<{ decode: Decoding[]; encode: Encoding[] }>('frames.json')

describe('frames are decoded', () => {
  for (const vector of decode) test(vector.name, () => assert.deepEqual(decodeVector(vector), vector.result))
})

describe('frames are encoded', () => {
  for (const { name, frame, headers } of encode) {
    test(name, () => assert.equal(Buffer.from(encodeFrame(frame as unknown as Frame)).toString('latin1'), headers))
  }
})

for (const role of ['backend', 'router'] as const) {
  describe(`conversations of a ${role}`, () => {
    for (const file of readdirSync(join(root, 'conversations', role))) {
      const conversation = read<Conversation>(`conversations/${role}/${file}`)
      test(conversation.name, () => replay(conversation))
    }
  })
}

function read<T>(path: string): T {
  return JSON.parse(readFileSync(join(root, path), 'utf8')) as T
}

function decodeVector({ reads, headers: block, payload = '' }: Decoding): unknown {
  let headers: MsgHdrsImpl
  try {
    headers = MsgHdrsImpl.decode(Buffer.from(block, 'latin1'))
  } catch {
    // The client library refuses it before we see it.
    return 'malformed'
  }
  const data = Buffer.from(payload)
  if (reads === 'first') {
    const open = decodeOpen(headers, data)
    return open === undefined ? 'not open' : asResult(open)
  }
  if (headers.code === 503) return 'no responders'
  return isFrame(headers) ? asResult(decodeFrame(headers, data)) : 'plain'
}

/** As it is written in JSON: text for bytes, and nothing for what is absent or without limit. */
function asResult(frame: { readonly type: string }): unknown {
  if (frame.type === 'broken' || frame.type === 'ignored') return frame.type
  const entries = Object.entries<unknown>({ ...frame }).filter(([, value]) => value !== undefined && value !== Infinity)
  return {
    frame: Object.fromEntries(
      entries.map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value).toString() : value]),
    ),
  }
}

function replay(conversation: Conversation): void {
  const end = new EndUnderTest(conversation)
  for (const [index, step] of conversation.steps.entries()) {
    try {
      end.take(step)
    } catch (cause) {
      if (cause instanceof Error) cause.message = `step ${index + 1}: ${cause.message}`
      throw cause
    }
  }
  assert.deepEqual(end.published, [], 'published what was not expected')
  assert.deepEqual(end.heard, [], 'heard what was not expected')
}

interface Published {
  readonly lines: readonly string[]
  readonly payload: string
  readonly asksReply: boolean
}

/** One end of a conversation; the vector is the other, and the application behind this one. */
class EndUnderTest {
  readonly published: Published[] = []
  readonly heard: Record<string, unknown>[] = []
  readonly #conversation: Conversation
  #nowMs = START_MS
  #full = false
  #stream: Stream | undefined

  constructor(conversation: Conversation) {
    this.#conversation = conversation
    if (conversation.role === 'router') {
      this.#stream = this.#open({ sends: conversation.more !== false, receives: true, credit: 0, maxBytes: MAX_BYTES })
    }
  }

  take(step: Step): void {
    if (step.receive !== undefined) this.#receive(step.receive, bytesOf(step.payload))
    else if (step.expect !== undefined) this.#expect(step.expect, step)
    else if (step.expectNothing === true) assert.deepEqual(this.published, [])
    else if (step.local !== undefined) this.#act(step.local, step)
    else if (step.hears !== undefined) this.#hears(step.hears, step)
    else if (step.noResponders === true) this.#stream!.onPeerGone()
    else if (step.nats === 'lost') this.#stream!.suspend()
    else if (step.nats === 'back') this.#stream!.resume()
    else if (step.advanceMs !== undefined) {
      this.#nowMs += step.advanceMs
      this.#stream!.onTick()
    } else assert.fail(`an unknown step: ${JSON.stringify(step)}`)
  }

  #receive(lines: readonly string[], payload: Buffer): void {
    const headers = MsgHdrsImpl.decode(Buffer.from(`NATS/1.0\r\n${lines.join('\r\n')}\r\n\r\n`))
    if (this.#stream === undefined) {
      const open = decodeOpen(headers, payload)
      if (open === undefined || open.type === 'broken') throw new Error('the conversation does not begin with an OPEN')
      const maxBytes = Math.min(open.maxBytes, MAX_BYTES)
      this.#stream = this.#open({ sends: true, receives: open.more, credit: open.credit, maxBytes })
      // The beginning of the body is no frame: whoever reads the OPEN hands it on.
      if (payload.length > 0) this.heard.push({ hears: 'data', payload: payload.toString() })
      if (!open.more) this.heard.push({ hears: 'end' })
      return
    }
    const frame = decodeFrame(headers, payload)
    if (frame.type === 'broken') this.#stream.onBroken(frame.reason)
    else if (frame.type !== 'ignored') this.#stream.onFrame(frame)
  }

  #expect(lines: readonly string[], { payload, asksReply }: Step): void {
    const frame = this.published.shift()
    assert.ok(frame, `nothing was published, expected ${lines.join(', ')}`)
    assert.equal(frame.lines[0], lines[0])
    for (const line of lines) assert.ok(frame.lines.includes(line), `${line} is not in ${frame.lines.join(', ')}`)
    assert.equal(frame.payload, bytesOf(payload).toString())
    if (asksReply !== undefined) assert.equal(frame.asksReply, asksReply, 'the reply subject')
  }

  #act(action: NonNullable<Step['local']>, { payload, status = 200, headers = [], code, type }: Step): void {
    const stream = this.#stream!
    if (action === 'accept') stream.accept(1, MAX_BYTES)
    else if (action === 'head') stream.head({ status, headers })
    else if (action === 'data') stream.data(bytesOf(payload), type === undefined ? undefined : { type })
    else if (action === 'end') stream.end()
    else if (action === 'reset') stream.reset(new ExchangeError(code!, 'the application says so'))
    else if (action === 'pause') this.#full = true
    else {
      this.#full = false
      stream.drained()
    }
  }

  #hears(hears: string, { payload, status, headers, code, type, fin }: Step): void {
    // What was not taken when a reset came is lost with it, or was handed over before.
    if (hears === 'reset') while (this.heard[0]?.hears === 'data') this.heard.shift()
    const expected = { hears, payload: payload && bytesOf(payload).toString(), status, headers, code, type, fin }
    const heard = this.heard.shift()
    assert.ok(heard, `${hears} was not heard`)
    for (const [name, value] of Object.entries(expected)) {
      if (value !== undefined) assert.deepEqual(heard[name], value, name)
    }
  }

  #open(direction: { sends: boolean; receives: boolean; credit: number; maxBytes: number }): Stream {
    const { heard } = this
    return new Stream({
      ...direction,
      role: this.#conversation.role,
      checksLength: true,
      windowBytes: this.#conversation.window ?? WINDOW_BYTES,
      now: () => this.#nowMs,
      onClosed() {},
      send: (block, payload, asksReply) => {
        const lines = Buffer.from(block).toString('latin1').split('\r\n').slice(1, -2)
        this.published.push({ lines, payload: Buffer.from(payload).toString(), asksReply })
      },
      onHead: ({ status, headers }) => heard.push({ hears: 'head', status, headers }),
      local: {
        data: (chunk: Uint8Array, meta?: MessageMeta) => {
          heard.push({ hears: 'data', payload: Buffer.from(chunk).toString(), ...meta })
          return !this.#full
        },
        end: () => heard.push({ hears: 'end' }),
        reset: ({ code, status }) => heard.push({ hears: 'reset', code, status }),
        drained() {},
      },
    })
  }
}

function bytesOf(payload: Payload = ''): Buffer {
  return Buffer.from(typeof payload === 'string' ? payload : payload.repeat.repeat(payload.count))
}
