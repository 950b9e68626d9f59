import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExchangeError } from '../../src/exchange/errors.ts'
import type { MessageMeta } from '../../src/exchange/exchange.ts'
import type { DataFrame, HeadFrame } from '../../src/wire/frame.ts'
import { Stream } from '../../src/wire/stream.ts'
import type { StreamOptions } from '../../src/wire/stream-options.ts'

const WINDOW_BYTES = 1000
const ERROR = new ExchangeError('internal', 'the application gave up')
const ALL_CALLS = ['head', 'data', 'end', 'drained', 'reset'] as const

/** A stream with what it sent and what its end heard, each as one line; `on` is called in the midst of a call. */
class Harness {
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

function data(seq: number, text: string): DataFrame {
  return { type: 'data', seq, payload: Buffer.from(text), meta: undefined }
}

function head(text = '', end = false): HeadFrame {
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

function end(seq: number, bytes: number) {
  return { type: 'end', seq, bytes, trailers: [] } as const
}

const grant = (credit: number) => ({ type: 'credit', credit }) as const
const RESET = { type: 'reset', code: 'busy', status: undefined, reason: undefined } as const

describe('a stream that has closed', () => {
  const ways: Record<string, (h: Harness) => void> = {
    'by its own reset': (h) => h.stream.reset(ERROR),
    'by the reset of its peer': (h) => h.stream.onFrame(RESET),
    'by a 503': (h) => h.stream.onPeerGone(),
    'by a broken frame': (h) => h.stream.onBroken('nonsense'),
    'by a gap': (h) => h.stream.onFrame(data(7, 'late')),
    'by silence': (h) => {
      h.nowMs += 30_000
      h.stream.onTick()
    },
    'by both ends': (h) => {
      h.stream.end()
      h.stream.onFrame(head('', true))
    },
  }
  for (const [way, close] of Object.entries(ways)) {
    for (const role of ['router', 'backend'] as const) {
      if (role === 'backend' && way === 'by both ends') continue
      test(`${way}, as a ${role}, says and hears nothing more`, () => {
        const h = new Harness({ role })
        close(h)
        assert.equal(h.stream.closed, true)
        h.takeSent()
        h.takeHeard()
        h.stream.accept(1, 100)
        h.stream.head({ status: 200, headers: [] })
        assert.equal(h.stream.data(Buffer.from('x')), true)
        h.stream.end()
        h.stream.drained()
        h.stream.suspend()
        h.stream.resume()
        h.stream.reset(ERROR)
        for (const frame of [head(), data(1, 'x'), end(1, 0), RESET, grant(1e6)]) h.stream.onFrame(frame)
        h.stream.onFrame({ type: 'accept', version: 1, credit: 1, maxBytes: 1 })
        h.stream.onFrame({ type: 'ping', seq: 9, credit: 1, bytes: 1 })
        h.stream.onBroken('nonsense')
        h.stream.onPeerGone()
        assert.equal(h.stream.onTick(), undefined)
        assert.deepEqual(h.takeSent(), [])
        assert.deepEqual(h.takeHeard(), [])
        assert.equal(h.closes, 1)
      })
    }
  }
})

describe('an end that acts in the midst of a call', () => {
  for (const call of ALL_CALLS) {
    test(`hears nothing after it has reset in ${call}`, () => {
      const h = new Harness({ credit: 64 })
      h.stream.data(Buffer.from('waits'))
      h.on = (at) => {
        if (at === call) h.stream.reset(ERROR)
      }
      h.stream.onFrame(head('first', true))
      if (call === 'reset') h.stream.onFrame(RESET)
      assert.equal(h.heard.at(-1)?.split(' ')[0], call)
      assert.equal(h.stream.closed, true)
      assert.equal(h.closes, 1)
    })
  }

  test('hears no end that came behind what it has reset in while it drained', () => {
    const h = new Harness({ role: 'backend' })
    h.hasRoom = false
    for (const frame of [data(1, 'a'), data(2, 'b'), end(3, 2)]) h.stream.onFrame(frame)
    h.on = () => h.stream.reset(ERROR)
    h.stream.drained()
    assert.deepEqual(h.heard, ['data a', 'data b'])
  })

  test('may say that it has drained before it says that it is full', () => {
    const h = new Harness({ role: 'backend' })
    h.hasRoom = false
    h.on = (call) => {
      if (call === 'data') h.stream.drained()
    }
    for (const frame of [data(1, 'a'), data(2, 'b'), end(3, 2)]) h.stream.onFrame(frame)
    assert.deepEqual(h.heard, ['data a', 'data b', 'end'])
  })

  test('may end its own direction, and still hears the rest', () => {
    const h = new Harness({ role: 'backend' })
    h.on = (call) => {
      if (call === 'data') h.stream.end()
    }
    for (const frame of [data(1, 'a'), data(2, 'b'), end(3, 2)]) h.stream.onFrame(frame)
    assert.deepEqual(h.heard, ['data a', 'data b', 'end'])
    assert.deepEqual(h.sent, ['end 1 ?'])
    assert.equal(h.stream.closed, true)
  })
})

describe('a sender', () => {
  test('is told once that there is room, when all that waited has gone', () => {
    const h = new Harness({ credit: 64 + 2 })
    assert.equal(h.stream.data(Buffer.from('ab')), true)
    assert.equal(h.stream.data(Buffer.from('c')), false)
    assert.deepEqual(h.takeSent(), ['data 1 ab ?'])
    h.stream.onFrame(grant(2 * 64 + 2))
    assert.deepEqual(h.takeHeard(), [])
    h.stream.onFrame(grant(2 * 64 + 3))
    assert.deepEqual(h.takeSent(), ['data 2 c'])
    assert.deepEqual(h.takeHeard(), ['drained'])
    h.stream.onFrame(grant(10_000))
    assert.deepEqual(h.takeHeard(), [])
  })

  test('that has ended is not told of room', () => {
    const h = new Harness({ credit: 64 })
    h.stream.data(Buffer.from('abc'))
    h.stream.end()
    h.stream.onFrame(grant(1000))
    h.stream.onFrame(grant(2000))
    assert.deepEqual(h.takeSent(), ['data 1 abc ?', 'end 2 ?'])
    assert.deepEqual(h.takeHeard(), [])
  })

  test('that waits for credit asks within two seconds, whenever it was blocked', () => {
    const h = new Harness({ credit: 0 })
    const firstMs = h.stream.onTick()!
    assert.ok(firstMs <= 1000, `the next tick is after ${firstMs} ms`)
    h.nowMs += firstMs / 2
    h.stream.data(Buffer.from('waits'))
    h.nowMs += firstMs / 2
    h.nowMs += h.stream.onTick()!
    h.stream.onTick()
    assert.deepEqual(h.takeSent(), ['ping 0 ?'])
  })

  test('sends a crumb a second, no more, to a peer that grants a few bytes at a time', () => {
    const h = new Harness({ credit: 0 })
    h.stream.onTick()
    h.stream.data(Buffer.from('abcdef'))
    for (let credit = 1; credit <= 66; credit++) h.stream.onFrame(grant(credit))
    assert.deepEqual(h.takeSent(), [])
    h.nowMs += 1000
    h.stream.onTick()
    assert.deepEqual(h.takeSent(), ['data 1 ab ?', 'ping 1 ?'])
    for (let credit = 67; credit <= 132; credit++) h.stream.onFrame(grant(credit))
    assert.deepEqual(h.takeSent(), [])
    h.nowMs += 1000
    h.stream.onTick()
    h.stream.onFrame(grant(10_000))
    assert.deepEqual(h.takeSent(), ['data 2 cd', 'ping 2 ?', 'data 3 ef'])
    assert.deepEqual(h.takeHeard(), ['drained'])
  })

  test('tells what it has sent though its peer speaks all the time', () => {
    const h = new Harness({ role: 'backend' })
    h.stream.onFrame(data(1, 'a'))
    h.stream.data(Buffer.from('lost'))
    h.takeSent()
    for (let i = 2; i < 15; i++) {
      h.nowMs += 1000
      h.stream.onFrame(data(i, 'a'))
      h.stream.onTick()
    }
    assert.deepEqual(
      h.takeSent().filter((line) => !line.startsWith('credit')),
      ['ping 1 ?'],
    )
  })

  test('asks nothing of a peer that speaks while there is nothing to tell', () => {
    const h = new Harness({ role: 'backend', windowBytes: 100_000 })
    for (let i = 1; i < 25; i++) {
      h.nowMs += 1000
      h.stream.onFrame(data(i, 'a'))
      h.stream.onTick()
    }
    assert.deepEqual(h.takeSent(), [])
  })
})

describe('a receiver', () => {
  test('hands on nothing while its end is full, and grants nothing for it', () => {
    const h = new Harness({ role: 'backend' })
    h.hasRoom = false
    h.stream.onFrame(data(1, 'a'.repeat(400)))
    h.stream.onFrame(data(2, 'b'.repeat(400)))
    assert.equal(h.heard.length, 1)
    assert.deepEqual(h.takeSent(), [])
    h.stream.drained()
    assert.equal(h.heard.length, 2)
    h.stream.drained()
    assert.deepEqual(h.takeSent(), ['credit -'])
  })

  test('takes a head that credit does not cover, and an end behind it', () => {
    const h = new Harness()
    h.hasRoom = false
    h.stream.onFrame(head('x'.repeat(WINDOW_BYTES)))
    h.stream.onFrame(end(2, WINDOW_BYTES))
    h.stream.drained()
    assert.deepEqual(h.heard.slice(2), ['end'])
  })
})

describe('a backend that holds its accept', () => {
  const RESPONSE = { status: 200, headers: [] }

  test('sends it when it is released with no answer', () => {
    const h = new Harness({ role: 'backend' })
    h.stream.accept(1, 4096, true)
    assert.deepEqual(h.takeSent(), [])
    h.stream.release()
    h.stream.release()
    assert.deepEqual(h.takeSent(), ['accept 1 ?'])
  })

  test('answers in one frame if that is all, and says what it takes', () => {
    const blocks: string[] = []
    const h = new Harness({
      role: 'backend',
      receives: false,
      send: (block, payload, asksReply) => {
        assert.equal(asksReply, true)
        blocks.push(`${Buffer.from(block).toString('latin1')}${Buffer.from(payload)}`)
      },
    })
    h.stream.accept(1, 4096, true)
    h.stream.head(RESPONSE)
    assert.equal(h.stream.data(Buffer.from('abc')), true)
    h.stream.end()
    assert.equal(h.stream.closed, false)
    h.stream.release()
    assert.deepEqual(blocks, [
      `NATS/1.0\r\nSx: head 1\r\nSx-Status: 200\r\nSx-End: 1\r\nSx-Credit: ${WINDOW_BYTES}\r\nSx-Max: 4096\r\n\r\nabc`,
    ])
    assert.equal(h.stream.closed, true)
    assert.equal(h.closes, 1)
  })

  test('lets go of the chunk that it keeps', () => {
    const h = new Harness({ role: 'backend' })
    const chunk = Buffer.from('abc')
    h.stream.accept(1, 4096, true)
    h.stream.head(RESPONSE)
    h.stream.data(chunk)
    chunk.fill('x')
    h.stream.end()
    h.stream.release()
    assert.deepEqual(h.takeSent(), ['head 1 abc ?'])
  })

  const notInOne: Record<string, [(h: Harness) => void, string[]]> = {
    'it goes on': [(h) => h.stream.data(Buffer.from('a')), ['head 1 ?', 'data 2 a ?']],
    'it is more than one chunk': [
      (h) => {
        h.stream.data(Buffer.from('a'))
        h.stream.data(Buffer.from('b'))
        h.stream.end()
      },
      ['head 1 ?', 'data 2 a ?', 'data 3 b', 'end 4 ?'],
    ],
    'it is a message': [
      (h) => {
        h.stream.data(Buffer.from('a'), { type: 'text' })
        h.stream.end()
      },
      ['head 1 ?', 'data 2 a ?', 'end 3 ?'],
    ],
    'it has trailers': [
      (h) => {
        h.stream.data(Buffer.from('a'))
        h.stream.end(['x-a', 'b'])
      },
      ['head 1 ?', 'data 2 a ?', 'end 3 ?'],
    ],
    'it is closed with a code': [(h) => h.stream.end([], 4000), ['head 1 ?', 'end 2 ?']],
    'no credit covers it': [
      (h) => {
        h.stream.data(Buffer.alloc(10_001 - 64, 'a'))
        h.stream.end()
      },
      ['head 1 ?', `data 2 ${'a'.repeat(10_000 - 128)} ?`],
    ],
  }
  for (const [why, [say, sent]] of Object.entries(notInOne)) {
    test(`answers in several frames if ${why}`, () => {
      const h = new Harness({ role: 'backend' })
      h.stream.accept(1, 4096, true)
      h.stream.head(RESPONSE)
      say(h)
      h.stream.release()
      assert.deepEqual(h.takeSent(), sent)
    })
  }

  test('is full when it holds more than it should', () => {
    const h = new Harness({ role: 'backend' })
    h.stream.accept(1, 4096, true)
    h.stream.head(RESPONSE)
    assert.equal(h.stream.data(Buffer.alloc(60_000)), true)
    assert.equal(h.stream.data(Buffer.alloc(10_000)), false)
    h.stream.onFrame(grant(1e6))
    assert.deepEqual([h.takeSent(), h.takeHeard()], [[], []])
    h.stream.release()
    assert.deepEqual(h.takeHeard(), ['drained'])
  })

  test('says what it was told to before it resets', () => {
    const h = new Harness({ role: 'backend' })
    h.stream.accept(1, 4096, true)
    h.stream.head(RESPONSE)
    h.stream.data(Buffer.from('a'))
    h.stream.reset(ERROR)
    h.stream.release()
    assert.deepEqual(h.takeSent(), ['head 1 ?', 'data 2 a ?', 'reset -'])
  })

  test('does not reset what is whole', () => {
    const h = new Harness({ role: 'backend', receives: false })
    h.stream.accept(1, 4096, true)
    h.stream.head(RESPONSE)
    h.stream.end()
    h.stream.reset(ERROR)
    assert.deepEqual(h.takeSent(), ['head 1 ?'])
    assert.equal(h.closes, 1)
  })

  test('accepts before it resets, lest busy be taken for a promise that nothing was processed', () => {
    const h = new Harness({ role: 'backend' })
    h.stream.accept(1, 4096, true)
    h.stream.reset(new ExchangeError('busy', 'the handler says so'))
    h.stream.release()
    assert.deepEqual(h.takeSent(), ['accept 1 ?', 'reset -'])
  })
})

describe('a response with a content-length', () => {
  const headOf = (length: string, text = '', isEnd = false): HeadFrame => ({
    ...head(text, isEnd),
    headers: ['content-length', length],
  })

  test('is told to the client with it, and is whole with as many bytes', () => {
    const lengths: number[] = []
    const h = new Harness({ checksLength: true })
    h.on = (call) => {
      if (call === 'head') lengths.push(h.length)
    }
    for (const frame of [headOf('3', 'a'), data(2, 'bc'), end(3, 3)]) h.stream.onFrame(frame)
    assert.deepEqual(lengths, [3])
    assert.deepEqual(h.heard, ['head 200', 'data a', 'data bc', 'end'])
  })

  test('is cut when there is more', () => {
    const h = new Harness({ checksLength: true })
    for (const frame of [headOf('2', 'a'), data(2, 'bc')]) h.stream.onFrame(frame)
    assert.deepEqual(h.heard, ['head 200', 'data a', 'reset protocol_error'])
  })

  test('is cut when there is less', () => {
    const h = new Harness({ checksLength: true })
    for (const frame of [headOf('4', 'a'), data(2, 'bc'), end(3, 3)]) h.stream.onFrame(frame)
    assert.deepEqual(h.heard, ['head 200', 'data a', 'data bc', 'reset protocol_error'])
  })

  test('that contradicts the payload of its head is an error', () => {
    for (const frame of [headOf('4', 'abc', true), headOf('2', 'abc'), headOf('0', 'abc', true)]) {
      const h = new Harness({ checksLength: true })
      h.stream.onFrame(frame)
      assert.deepEqual(h.heard, ['reset protocol_error'])
    }
  })

  for (const length of ['', '-1', '1e3', '5, 5', '0x3']) {
    test(`is of any length if that is no number: ${length}`, () => {
      const h = new Harness({ checksLength: true })
      h.stream.onFrame(headOf(length, 'abc', true))
      assert.deepEqual(h.heard, ['head 200', 'data abc', 'end'])
    })
  }

  test('may have none where the status says that nothing follows', () => {
    const h = new Harness({ checksLength: true })
    h.stream.onFrame({ ...headOf('3', '', true), status: 304 })
    assert.deepEqual(h.heard, ['head 304', 'end'])
  })

  test('is not checked where it speaks of no body', () => {
    const h = new Harness()
    h.stream.onFrame(headOf('3', '', true))
    assert.deepEqual(h.heard, ['head 200', 'end'])
  })
})

describe('a stream that has lost NATS', () => {
  test('sends nothing, then pings, and all that has waited once its peer is heard, the head first', () => {
    const h = new Harness({ role: 'backend' })
    h.stream.suspend()
    h.stream.head({ status: 200, headers: [] })
    assert.equal(h.stream.data(Buffer.from('a')), false)
    h.stream.end()
    h.stream.onFrame({ type: 'ping', seq: 0, credit: 0, bytes: 0 })
    h.nowMs += 60_000
    h.stream.onTick()
    assert.deepEqual(h.takeSent(), [])
    h.stream.resume()
    h.stream.drained()
    for (let i = 0; i < 2; i++) h.nowMs += h.stream.onTick()!
    h.stream.onTick()
    assert.deepEqual(h.takeSent(), ['ping 0 ?', 'ping 0 ?', 'ping 0 ?'])
    h.stream.onFrame({ type: 'pong', seq: 0, credit: 0, bytes: 0 })
    assert.deepEqual(h.takeSent(), ['head 1 a ?'])
  })

  test('answers a ping of its peer before it goes on', () => {
    const h = new Harness({ role: 'backend' })
    h.stream.suspend()
    h.stream.data(Buffer.from('a'))
    h.stream.resume()
    h.stream.onFrame({ type: 'ping', seq: 0, credit: 0, bytes: 0 })
    assert.deepEqual(h.takeSent(), ['ping 0 ?', 'pong 0', 'data 1 a ?'])
  })

  test('asks once a second until its peer is heard, and takes nobody there for a peer on its way back', () => {
    const h = new Harness()
    h.stream.suspend()
    h.stream.onPeerGone()
    h.nowMs += 2000
    h.stream.resume()
    for (let ms = 0; ms < 9000; ms += 1000) {
      h.stream.onPeerGone()
      assert.equal(h.stream.onTick(), 1000)
      h.nowMs += 1000
    }
    assert.equal(h.takeSent().length, 9)
    h.stream.onFrame({ type: 'ping', seq: 0, credit: 0, bytes: 0 })
    assert.equal(h.stream.closed, false)
    h.stream.onPeerGone()
    assert.deepEqual(h.takeHeard(), ['reset backend_lost'])
  })

  test('believes a 503 that comes 10 seconds after it has returned', () => {
    const h = new Harness()
    h.stream.suspend()
    h.stream.resume()
    h.nowMs += 9999
    h.stream.onPeerGone()
    assert.equal(h.stream.closed, false)
    h.nowMs += 1
    h.stream.onPeerGone()
    assert.deepEqual(h.takeHeard(), ['reset backend_lost'])
  })

  test('gives a peer up that says nothing for 30 seconds after it has returned', () => {
    const h = new Harness()
    h.stream.suspend()
    h.nowMs += 9000
    h.stream.resume()
    h.nowMs += 29_999
    h.stream.onTick()
    assert.equal(h.stream.closed, false)
    h.nowMs += 1
    assert.equal(h.stream.onTick(), undefined)
    assert.deepEqual(h.takeHeard(), ['reset backend_lost'])
  })

  test('is reset with a gap when its peer has missed what was on the way', () => {
    const h = new Harness()
    h.stream.data(Buffer.from('lost'))
    h.stream.suspend()
    h.stream.resume()
    assert.deepEqual(h.takeSent(), ['data 1 lost ?', 'ping 1 ?'])
    h.stream.onFrame({ type: 'ping', seq: 7, credit: 0, bytes: 700 })
    assert.deepEqual(h.takeSent(), ['reset -'])
    assert.deepEqual(h.takeHeard(), ['reset gap'])
  })

  test('tells its peer of a reset as soon as it is back', () => {
    const h = new Harness()
    h.stream.suspend()
    h.stream.resume()
    h.takeSent()
    h.stream.reset(ERROR)
    assert.deepEqual(h.takeSent(), ['reset -'])
  })

  test('may be interrupted again before its peer is heard', () => {
    const h = new Harness()
    h.stream.suspend()
    h.stream.resume()
    h.nowMs += 500
    h.stream.suspend()
    h.nowMs += 1000
    h.stream.onTick()
    h.stream.resume()
    assert.deepEqual(h.takeSent(), ['ping 0 ?', 'ping 0 ?'])
  })
})
