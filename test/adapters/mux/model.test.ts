import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { ExchangeError } from '../../../src/exchange/errors.ts'
import { type ScriptedBackend, type SessionUnderTest, startSession } from './session-under-test.ts'

const WINDOW_BYTES = 256 * 1024

/** What the client knows of one exchange, and what the backend has said in it. */
interface Exchange {
  readonly id: number
  readonly isDuplex: boolean
  readonly backend: ScriptedBackend | undefined
  readonly toBackend: Buffer[]
  readonly fromBackend: Buffer[]
  readonly received: Buffer[]
  sentEnd: boolean
  granted: number
  credit: number
  /** Of the response. */
  said: 'nothing' | 'head' | 'end' | 'reset'
  mayTalk: boolean
  heard: 'nothing' | 'head' | 'end' | 'reset'
}

/** One step, of the client, a backend or the connection; `which` picks the exchange, `size` and `flag` are for its use. */
interface Step {
  readonly act: (typeof ACTS)[number]
  readonly which: number
  readonly size: number
  readonly flag: boolean
}

const ACTS = [
  'open',
  'open',
  'data',
  'data',
  'data',
  'end',
  'reset',
  'credit',
  'credit',
  'respond',
  'head',
  'say',
  'say',
  'finish',
  'fail',
  'take',
  'take',
  'full',
  'settle',
  'wait',
] as const

const step = fc.record({
  act: fc.constantFrom(...ACTS),
  which: fc.constantFrom(0, 0, 0, 0, 1, 1, 2, 3, 4, 5),
  size: fc.oneof(fc.nat(20), fc.nat(5000), fc.nat(65536)),
  flag: fc.boolean(),
})

/** Text or not, and never the same twice in a row, so that a mix-up shows. */
let next = 0
function content(size: number, isText: boolean): Buffer {
  const bytes = Buffer.alloc(size)
  for (let i = 0; i < size; i++) bytes[i] = isText ? 97 + (next++ % 26) : next++ % 256
  return bytes
}

class Model {
  readonly mux: SessionUnderTest
  readonly exchanges: Exchange[] = []
  #taken = 0
  #lastBackends = 0

  constructor(mux: SessionUnderTest) {
    this.mux = mux
  }

  run({ act, which, size, flag }: Step): void {
    if (act === 'open') this.#open(which, size, flag)
    else if (act === 'full') this.mux.setCapacity(size)
    else if (act === 'wait') this.mux.advance(size % 100)
    const exchange = this.exchanges.at(-1 - which)
    if (exchange === undefined) return
    const { id, backend } = exchange
    switch (act) {
      case 'data':
        this.#clientSays(exchange, size, flag)
        break
      case 'end':
        if (exchange.sentEnd) break
        exchange.sentEnd = true
        this.mux.send({ t: 'end', id })
        break
      case 'reset':
        if (!flag || which > 1) break
        exchange.heard = 'reset'
        this.mux.send({ t: 'reset', id, code: 'client_gone' })
        break
      case 'credit':
        exchange.credit += size
        // One without a limit has none from a grant either.
        this.mux.send({ t: 'credit', id, to: Number.isFinite(exchange.credit) ? exchange.credit : size })
        break
      case 'respond':
        if (exchange.said !== 'nothing' || backend === undefined) break
        exchange.said = 'end'
        exchange.fromBackend.push(Buffer.alloc(size, 'r'))
        backend.respond('r'.repeat(size))
        break
      case 'head':
        if (exchange.said !== 'nothing' || backend === undefined) break
        exchange.said = 'head'
        backend.stream({ messages: flag })
        break
      case 'say':
        this.#backendSays(exchange, size, flag)
        break
      case 'finish':
        if (exchange.said !== 'head') break
        exchange.said = 'end'
        backend?.client.end()
        break
      case 'fail':
        if (exchange.said === 'end' || exchange.said === 'reset' || which > 1) break
        exchange.said = 'reset'
        backend?.client.reset(new ExchangeError('backend_error', 'in the model'))
        break
      case 'take':
        if (backend === undefined) break
        backend.hasRoom = flag
        if (flag) backend.client.drained()
        break
    }
  }

  /** What has left since the last time, as a client reads it. */
  read(): void {
    for (const frame of this.mux.frames.slice(this.#taken)) this.#hear(frame)
    this.#taken = this.mux.frames.length
  }

  /** The bytes of each direction are those that were said, all of them if it has ended. */
  check(): void {
    for (const { id, isDuplex, backend, heard, received, fromBackend, toBackend, sentEnd } of this.exchanges) {
      const all = Buffer.concat(received)
      const said = Buffer.concat(fromBackend)
      if (heard === 'end') assert.deepEqual(all, said, `the response of ${id} is whole`)
      else assert.deepEqual(all, said.subarray(0, all.length), `what came of ${id} is its beginning`)
      if (backend === undefined) continue
      const sent = Buffer.concat(toBackend)
      const isWhole = backend.ended !== undefined && backend.error === undefined
      if (isWhole) assert.equal(backend.bytes, sent.length, `the body of ${id} is whole`)
      const got = backend.chunks.map(({ text }) => text).join('')
      assert.ok(sent.toString('latin1').startsWith(got), `the body of ${id} is what was sent`)
      if (backend.ended !== undefined) assert.ok(sentEnd, `nobody ended ${id}`)
      if (isDuplex) continue
      if (heard === 'end' && !isWhole) assert.equal(backend.error?.code, 'client_gone', `${id} is over`)
    }
  }

  #open(which: number, size: number, isDuplex: boolean): void {
    const id = (this.exchanges.at(-1)?.id ?? 0) + 1 + which
    const more = size % 2 === 0
    const body = content(Math.min(size, 1000), true)
    const credit = which % 3 === 0 ? undefined : size
    const deadline = which === 5 ? 50 : undefined
    const path = which === 4 ? '/none' : isDuplex ? '/term' : '/'
    this.mux.send({ t: 'open', id, path, body: body.toString(), more, credit, deadline })
    const backend = this.mux.backends.length > this.#lastBackends ? this.mux.backends.at(-1) : undefined
    this.#lastBackends = this.mux.backends.length
    this.exchanges.push({
      id,
      isDuplex,
      backend,
      toBackend: [body],
      fromBackend: [],
      received: [],
      sentEnd: !more,
      granted: WINDOW_BYTES,
      credit: credit ?? Infinity,
      said: 'nothing',
      mayTalk: true,
      heard: 'nothing',
    })
  }

  #clientSays(exchange: Exchange, size: number, isText: boolean): void {
    const { id, toBackend, granted } = exchange
    const room = granted - toBackend.reduce((sum, { length }) => sum + length, 0)
    if (exchange.sentEnd) return
    // The backends here remember what they heard as text.
    const bytes = content(Math.min(size, room), true)
    toBackend.push(bytes)
    this.mux.send({ t: 'data', id, body: isText ? bytes.toString() : bytes })
  }

  #backendSays(exchange: Exchange, size: number, isText: boolean): void {
    const { backend, said, fromBackend } = exchange
    if (said !== 'head' || backend === undefined || !exchange.mayTalk) return
    const bytes = content(size, isText)
    fromBackend.push(Buffer.from(bytes))
    backend.onDrained = () => {
      assert.ok(!exchange.mayTalk, `the backend of ${exchange.id} is told of room that it knew of`)
      exchange.mayTalk = true
    }
    exchange.mayTalk = backend.client.data(bytes)
    bytes.fill(0)
  }

  #hear(frame: MuxFrame): void {
    if (!('id' in frame)) return
    const exchange = this.exchanges.find(({ id }) => id === frame.id)
    assert.ok(exchange, `a frame for ${frame.id}`)
    const { id } = exchange
    if (frame.t === 'credit') {
      assert.ok(frame.to > exchange.granted, 'credit grows')
      exchange.granted = frame.to
      return
    }
    // Ours was on its way to the router while this was on its way to us.
    if (exchange.heard === 'reset') return
    // Of a duplex, it is the direction to the backend that fails: its other one is whole.
    if (exchange.heard === 'end' && exchange.isDuplex && frame.t === 'reset') return
    assert.notEqual(exchange.heard, 'end', `a ${frame.t} after the end of ${id}`)
    if (frame.t === 'reset') {
      exchange.heard = 'reset'
      return
    }
    assert.equal(exchange.heard, frame.t === 'head' ? 'nothing' : 'head', `a ${frame.t} of ${id} in its place`)
    exchange.heard = 'head'
    if ('body' in frame && frame.body !== undefined) exchange.received.push(Buffer.from(frame.body as string))
    const bytes = exchange.received.reduce((sum, { length }) => sum + length, 0)
    assert.ok(bytes <= exchange.credit, `${bytes} bytes of ${id}, and its credit is ${exchange.credit}`)
    if (frame.t === 'end' || ('end' in frame && frame.end)) exchange.heard = 'end'
  }
}

test('a mux session keeps its promises, whatever client, backends and connection do', async () => {
  const scenario = fc.record({
    encoding: fc.constantFrom('json' as const, 'binary' as const),
    kind: fc.constantFrom('ws' as const, 'tcp' as const),
    steps: fc.array(step, { minLength: 40, maxLength: 250 }),
    ending: fc.constantFrom('finish', 'drain', 'cut', 'gone'),
  })
  await fc.assert(
    fc.asyncProperty(scenario, async ({ encoding, kind, steps, ending }) => {
      const mux = startSession({ encoding, kind, maxExchanges: 8 })
      const model = new Model(mux)
      for (const one of steps) {
        model.run(one)
        if (one.act === 'settle') await mux.settle()
        model.read()
      }
      if (ending === 'gone') mux.session.onClosed()
      if (ending === 'cut') mux.session.drain(0)
      if (ending === 'drain') mux.session.drain(1000)
      if (ending === 'finish' || ending === 'drain') {
        mux.setCapacity(Infinity)
        for (const exchange of model.exchanges) {
          exchange.credit = Number.MAX_SAFE_INTEGER
          mux.send({ t: 'credit', id: exchange.id, to: exchange.credit })
          if (!exchange.sentEnd) mux.send({ t: 'end', id: exchange.id })
          exchange.sentEnd = true
          if (exchange.backend !== undefined) exchange.backend.hasRoom = true
          // One at a time is what fills a backend, so it drains as often as it was filled.
          for (let i = 0; i < 300; i++) exchange.backend?.client.drained()
          if (exchange.said === 'nothing') exchange.backend?.respond('')
          else if (exchange.said === 'head') exchange.backend?.client.end()
          exchange.said = 'end'
        }
        await mux.settle()
      }
      model.read()
      model.check()
      assert.equal(mux.session.openExchanges, 0)
      if (ending === 'drain') mux.advance(1000)
      if (ending === 'drain' || ending === 'cut') assert.equal(mux.closed?.code, 1012)
      assert.equal(mux.underWay, 0)
      if (ending === 'finish') mux.session.onClosed()
      assert.equal(mux.wheel.size, 0)
    }),
    { numRuns: 300 },
  )
})
