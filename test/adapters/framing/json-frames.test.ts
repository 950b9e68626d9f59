import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeJsonFrame, encodeJsonFrame } from '../../../src/adapters/framing/json-frames.ts'
import { MuxFrameError } from '../../../src/adapters/framing/mux-frame.ts'
import { NdjsonDecoder } from '../../../src/adapters/framing/ndjson-decoder.ts'
import { arbitraryCuts, arbitraryFrame, splitAt } from './arbitrary-frame.ts'

const encoder = new TextEncoder()

const MALFORMED: readonly (readonly [string, RegExp])[] = [
  ['', /not JSON/],
  ['nonsense', /not JSON/],
  ['{"t":"ping"', /not JSON/],
  ['null', /not an object/],
  ['7', /not an object/],
  ['[{"t":"ping"}]', /not an object/],
  ['{}', /t is not/],
  ['{"t":"hello","id":1}', /t is not/],
  ['{"t":"toString","id":1}', /t is not/],
  ['{"t":["ping"]}', /t is not/],
  ['{"t":"open","path":"/"}', /id is not/],
  ['{"t":"open","id":0,"path":"/"}', /id is not/],
  ['{"t":"open","id":-1,"path":"/"}', /id is not/],
  ['{"t":"open","id":1.5,"path":"/"}', /id is not/],
  ['{"t":"open","id":"1","path":"/"}', /id is not/],
  ['{"t":"open","id":2147483648,"path":"/"}', /id is not/],
  ['{"t":"open","id":1}', /path is missing/],
  ['{"t":"open","id":1,"path":7}', /path is not a string/],
  ['{"t":"open","id":1,"path":null}', /path is not a string/],
  ['{"t":"open","id":1,"path":"/","method":["GET"]}', /method is not a string/],
  ['{"t":"open","id":1,"path":"/","headers":[]}', /headers is not an object/],
  ['{"t":"open","id":1,"path":"/","headers":"a: b"}', /headers is not an object/],
  ['{"t":"open","id":1,"path":"/","headers":{"a":1}}', /a header is neither/],
  ['{"t":"open","id":1,"path":"/","headers":{"a":["b",null]}}', /a header is neither/],
  ['{"t":"open","id":1,"path":"/","headers":{"__proto__":{"a":"b"}}}', /a header is neither/],
  ['{"t":"open","id":1,"path":"/","more":1}', /more is not true or false/],
  ['{"t":"open","id":1,"path":"/","credit":-1}', /credit is not a whole number/],
  ['{"t":"open","id":1,"path":"/","credit":1e300}', /credit is not a whole number/],
  ['{"t":"open","id":1,"path":"/","deadline":"5s"}', /deadline is not a whole number/],
  ['{"t":"open","id":1,"path":"/","body":{"a":1}}', /body is not a string/],
  ['{"t":"open","id":1,"path":"/","body":"a","b64":"YQ=="}', /both/],
  ['{"t":"open","id":1,"path":"/","b64":"a"}', /b64 is not base64/],
  ['{"t":"open","id":1,"path":"/","b64":"YQ!="}', /b64 is not base64/],
  ['{"t":"open","id":1,"path":"/","b64":"YQ==YQ=="}', /b64 is not base64/],
  ['{"t":"open","id":1,"path":"/","b64":"é"}', /b64 is not base64/],
  ['{"t":"head","id":1}', /status is missing/],
  ['{"t":"head","id":1,"status":101}', /status is not between/],
  ['{"t":"head","id":1,"status":600}', /status is not between/],
  ['{"t":"head","id":1,"status":200,"end":"true"}', /end is not true or false/],
  ['{"t":"data","id":1}', /body or b64 is missing/],
  ['{"t":"data","id":1,"body":"a","fin":0}', /fin is not true or false/],
  ['{"t":"end","id":1,"close":"1000"}', /close is not a whole number/],
  ['{"t":"reset","id":1}', /code is missing/],
  ['{"t":"reset","id":1,"code":"busy","retryable":"yes"}', /retryable is not true or false/],
  ['{"t":"credit","id":1}', /to is missing/],
  ['{"t":"credit","id":1,"to":null}', /to is not a whole number/],
  ['{"t":"goaway","grace":1}', /lastId is missing/],
  ['{"t":"goaway","lastId":1}', /grace is missing/],
]

describe('frames as JSON', () => {
  test('are written as the manual shows them', () => {
    assert.equal(
      encodeJsonFrame({
        t: 'open',
        id: 1,
        method: 'POST',
        path: '/orders/eu',
        headers: {},
        body: 'hi',
        more: false,
        credit: 262144,
        deadline: 5000,
      }),
      '{"t":"open","id":1,"method":"POST","path":"/orders/eu","headers":{},"credit":262144,"deadline":5000,"body":"hi"}',
    )
    assert.equal(
      encodeJsonFrame({ t: 'head', id: 1, status: 200, headers: { a: ['b', 'c'] }, body: 'hi', end: true }),
      '{"t":"head","id":1,"status":200,"headers":{"a":["b","c"]},"body":"hi","end":true}',
    )
    assert.equal(encodeJsonFrame({ t: 'data', id: 1, body: Uint8Array.of(0xff) }), '{"t":"data","id":1,"b64":"/w=="}')
    assert.equal(encodeJsonFrame({ t: 'ping' }), '{"t":"ping"}')
  })

  test('come back as they were', () => {
    fc.assert(fc.property(arbitraryFrame, (frame) => assert.deepEqual(decodeJsonFrame(encodeJsonFrame(frame)), frame)))
  })

  test('lose what is not a field of theirs, and never a prototype', () => {
    const frame = decodeJsonFrame(
      '{"t":"end","id":1,"x":1,"__proto__":{"close":7},"constructor":{"prototype":{"polluted":true}}}',
    )
    assert.deepEqual(frame, { t: 'end', id: 1, close: undefined })
    assert.equal(Object.getPrototypeOf(frame), Object.prototype)
    assert.equal('polluted' in {}, false)
  })

  test('take base64 with and without padding', () => {
    for (const [b64, expected] of [
      ['', ''],
      ['YQ==', 'a'],
      ['YQ', 'a'],
      ['YWI=', 'ab'],
      ['YWI', 'ab'],
      ['YWJj', 'abc'],
    ]) {
      const frame = decodeJsonFrame(`{"t":"data","id":1,"b64":"${b64}"}`)
      assert.ok(frame.t === 'data' && typeof frame.body === 'object')
      assert.equal(new TextDecoder().decode(frame.body), expected)
    }
  })

  for (const [text, reason] of MALFORMED) {
    test(`refuses ${text === '' ? 'nothing' : text}`, () => {
      assert.throws(() => decodeJsonFrame(text), { name: 'MuxFrameError', message: reason })
    })
  }

  test('refuses any other text with the same error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((t) => JSON.stringify({ t, id: 1 })),
        ),
        (text) => {
          try {
            decodeJsonFrame(text)
          } catch (error) {
            assert.ok(error instanceof MuxFrameError)
          }
        },
      ),
    )
  })
})

describe('lines of JSON', () => {
  test('are frames wherever they are split', () => {
    fc.assert(
      fc.property(fc.array(arbitraryFrame, { maxLength: 5 }), arbitraryCuts, (frames, cuts) => {
        const bytes = encoder.encode(frames.map((frame) => `${encodeJsonFrame(frame)}\n`).join(''))
        const found: unknown[] = []
        const decoder = new NdjsonDecoder((frame) => found.push(frame))
        for (const piece of splitAt(bytes, cuts)) decoder.push(piece)
        assert.deepEqual(found, frames)
      }),
    )
  })

  test('may be empty and may end with CR LF', () => {
    const found: string[] = []
    const decoder = new NdjsonDecoder((frame) => found.push(frame.t))
    decoder.push(encoder.encode('\n\r\n{"t":"ping"}\r\n\n{"t":"pong"}\n'))
    assert.deepEqual(found, ['ping', 'pong'])
  })

  test('are delivered up to the one that is broken', () => {
    const found: string[] = []
    const decoder = new NdjsonDecoder((frame) => found.push(frame.t))
    assert.throws(() => decoder.push(encoder.encode('{"t":"ping"}\nnonsense\n{"t":"pong"}\n')), MuxFrameError)
    assert.deepEqual(found, ['ping'])
  })

  test('must be UTF-8', () => {
    const decoder = new NdjsonDecoder(() => {})
    assert.throws(() => decoder.push(Uint8Array.of(0x22, 0xff, 0x22, 0x0a)), /not UTF-8/)
  })

  test('that do not end are refused, in one piece or in many', () => {
    const whole = new NdjsonDecoder(() => {})
    assert.throws(() => whole.push(new Uint8Array(512 * 1024 + 1).fill(0x20)), /a line of more than/)
    const pieces = new NdjsonDecoder(() => {})
    const piece = new Uint8Array(64 * 1024).fill(0x20)
    for (let i = 0; i < 8; i++) pieces.push(piece)
    assert.throws(() => pieces.push(Uint8Array.of(0x20)), /a line of more than/)
  })

  test('of one byte at a time cost no more than their length', () => {
    const line = encoder.encode(`{"t":"ping","x":"${'x'.repeat(400_000)}"}\n`)
    let found = 0
    const decoder = new NdjsonDecoder(() => found++)
    for (let i = 0; i < line.length; i++) decoder.push(line.subarray(i, i + 1))
    assert.equal(found, 1)
  })
})
