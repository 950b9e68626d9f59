import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ExchangeError } from '../../src/exchange/errors.ts'
import type { HeadFrame } from '../../src/wire/frame.ts'
import { data, ERROR, end, grant, Harness, head, WINDOW_BYTES } from './stream-harness.ts'

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
