import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { encodeBinaryFrame } from '../../../src/adapters/framing/binary-frames.ts'
import { encodeJsonFrame } from '../../../src/adapters/framing/json-frames.ts'
import type { MuxFrame } from '../../../src/adapters/framing/mux-frame.ts'
import { startSession } from './session-under-test.ts'

/** Good frames, among which nonsense does the most harm. */
const GOOD: readonly MuxFrame[] = [
  { t: 'open', id: 1, path: '/', more: true, credit: 10 },
  { t: 'open', id: 2, path: '/term', more: true, body: 'x', headers: { a: ['b', 'c'] } },
  { t: 'data', id: 1, body: 'hello', fin: false },
  { t: 'data', id: 2, body: new Uint8Array([1, 2]), end: true },
  { t: 'credit', id: 1, to: 100 },
  { t: 'end', id: 1, close: 3000 },
  { t: 'reset', id: 2, code: 'x' },
  { t: 'ping' },
]

const anyId = fc.constantFrom<unknown>(1, 2, 3, 0, -1, 1.5, 2 ** 31, '1', null, undefined)
const anyValue = fc.oneof(fc.jsonValue(), fc.constantFrom('', '__proto__', -1, 2 ** 53, 1e308, {}, []))

/** An object that looks like a frame, with something wrong in it more often than not. */
const oddFrame = fc.record(
  {
    t: fc.constantFrom<unknown>('open', 'head', 'data', 'end', 'reset', 'credit', 'ping', 'pong', 'goaway', 'x', null),
    id: anyId,
    path: fc.oneof(fc.constant('/'), anyValue),
    method: anyValue,
    headers: anyValue,
    body: anyValue,
    b64: anyValue,
    more: anyValue,
    end: anyValue,
    credit: anyValue,
    deadline: anyValue,
    to: anyValue,
    fin: anyValue,
    close: anyValue,
    code: anyValue,
  },
  { requiredKeys: ['t'] },
)

const message = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...GOOD).map(encodeJsonFrame) },
  { weight: 3, arbitrary: oddFrame.map((frame) => JSON.stringify(frame)) },
  { weight: 1, arbitrary: fc.string() },
)

/** A good frame with some of its bytes changed, and some bytes that are none. */
const bytes = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...GOOD).map((frame) => Buffer.from(encodeBinaryFrame(frame))) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...GOOD), fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { minLength: 1, maxLength: 3 }))
      .map(([frame, changes]) => {
        const encoded = Buffer.from(encodeBinaryFrame(frame))
        for (const [at, value] of changes) encoded[at % encoded.length] = value
        return encoded
      }),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)) },
)

/** Whatever came in: the connection is closed with a reason or goes on, and when it is gone nothing is left. */
function check(mux: ReturnType<typeof startSession>): void {
  if (mux.closed !== undefined) {
    assert.ok([4400, 4409, 1009].includes(mux.closed.code), String(mux.closed.code))
    const last = mux.frames.at(-1)
    assert.ok(last?.t === 'goaway' && last.detail !== undefined)
    assert.deepEqual([mux.session.openExchanges, mux.underWay, mux.wheel.size], [0, 0, 0])
  }
  for (const backend of mux.backends) backend.respond('late')
  mux.session.onClosed()
  assert.deepEqual([mux.session.openExchanges, mux.underWay, mux.wheel.size], [0, 0, 0])
}

describe('a mux session survives', () => {
  test('messages of any content', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
        const mux = startSession()
        for (const one of messages) mux.session.onFrame(one)
        check(mux)
      }),
      { numRuns: 1000 },
    )
  })

  test('lines of any content, split anywhere', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 10 }), fc.integer({ min: 1, max: 50 }), (messages, size) => {
        const mux = startSession({ kind: 'tcp' })
        const all = Buffer.from(messages.map((one) => `${one}\n`).join(''))
        for (let i = 0; i < all.length; i += size) mux.session.onBytes(all.subarray(i, i + size))
        check(mux)
      }),
      { numRuns: 500 },
    )
  })

  test('binary messages of any content', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 20 }), (messages) => {
        const mux = startSession({ encoding: 'binary' })
        for (const one of messages) mux.session.onFrame(one)
        check(mux)
      }),
      { numRuns: 1000 },
    )
  })

  test('bytes of any content, split anywhere', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 10 }), fc.integer({ min: 1, max: 50 }), (messages, size) => {
        const mux = startSession({ encoding: 'binary', kind: 'tcp' })
        const all = Buffer.concat(messages)
        for (let i = 0; i < all.length; i += size) mux.session.onBytes(all.subarray(i, i + size))
        check(mux)
      }),
      { numRuns: 500 },
    )
  })
})
