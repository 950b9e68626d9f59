import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ExchangeError } from '../../src/exchange/errors.ts'
import { WindowBudget } from '../../src/wire/window-budget.ts'
import { ALL_CALLS, data, ERROR, end, grant, Harness, head, RESET, WINDOW_BYTES } from './stream-harness.ts'

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

test('tells in whole milliseconds how long its peer has been silent', () => {
  let reason = ''
  const nothing = () => {}
  const reset = ({ message }: ExchangeError) => {
    reason = message
  }
  const h = new Harness({ local: { data: () => true, end: nothing, drained: nothing, reset } })
  h.nowMs += 30_033.250656
  h.stream.onTick()
  assert.equal(reason, 'the other end has been silent for 30033 ms')
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

  test('gives back what its window has grown by, though it is reset by what it hands over', () => {
    const windowBudget = new WindowBudget(16 * WINDOW_BYTES)
    const h = new Harness({ role: 'backend', windowBudget })
    const half = 'x'.repeat(WINDOW_BYTES / 2)
    h.stream.onFrame(data(1, half))
    h.on = () => h.stream.reset(ERROR)
    h.stream.onFrame(data(2, half))
    assert.equal(h.stream.closed, true)
    assert.equal(windowBudget.leftBytes, 16 * WINDOW_BYTES)
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
