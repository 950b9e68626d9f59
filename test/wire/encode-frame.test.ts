import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MsgHdrsImpl } from 'nats/lib/nats-base-client/internal_mod.js'
import { ERRORS, type ErrorCode } from '../../src/exchange/errors.ts'
import { decodeFrame } from '../../src/wire/decode-frame.ts'
import { encodeFrame } from '../../src/wire/encode-frame.ts'
import { type Frame, LEAST_MAX_BYTES } from '../../src/wire/frame.ts'

const EMPTY = new Uint8Array(0)

const seq = fc.integer({ min: 1, max: 2 ** 40 })
const bytes = fc.integer({ min: 0, max: 2 ** 48 })
const maxBytes = fc.integer({ min: LEAST_MAX_BYTES, max: 2 ** 40 })
const closeCode = fc.oneof(fc.constantFrom(1000, 1003, 1007, 1014), fc.integer({ min: 3000, max: 4999 }))
const optionalBytes = fc.option(bytes, { nil: undefined })
const code = fc.constantFrom(...(Object.keys(ERRORS) as ErrorCode[]))
/** Visible ASCII without white space at its ends, which a header field does not keep. */
const value = fc.stringMatching(/^([!-~]([ -~]{0,20}[!-~])?)?$/)
const name = fc.stringMatching(/^x-[a-z0-9]{1,12}$/)
/** One value a name: names that repeat come back grouped, which a map of headers does to them. */
const headers = fc.uniqueArray(fc.tuple(name, value), { selector: ([name]) => name }).map((fields) => fields.flat())
const payload = fc.uint8Array({ maxLength: 40 })
const meta = fc
  .record(
    { type: fc.constantFrom('text', 'binary'), fin: fc.constant(false), event: value, id: value },
    { requiredKeys: [] },
  )
  .map((fields) => (Object.keys(fields).length === 0 ? undefined : { ...fields }))

const frame = fc
  .oneof(
    fc.record({ type: fc.constant('accept'), version: fc.constant(1), credit: bytes, maxBytes }),
    fc.record({
      type: fc.constant('head'),
      seq,
      status: fc.integer({ min: 200, max: 599 }),
      headers,
      payload,
      end: fc.boolean(),
      credit: optionalBytes,
      maxBytes: fc.option(maxBytes, { nil: undefined }),
    }),
    fc.record({ type: fc.constant('data'), seq, payload, meta }),
    fc.record(
      { type: fc.constant('end'), seq, bytes, trailers: headers, closeCode },
      { requiredKeys: ['type', 'seq', 'bytes', 'trailers'] },
    ),
    fc.record({
      type: fc.constant('reset'),
      code,
      status: fc.option(fc.integer({ min: 400, max: 599 }), { nil: undefined }),
      reason: fc.option(value, { nil: undefined }),
    }),
    fc.record({ type: fc.constant('credit'), credit: bytes }),
    fc.record({ type: fc.constantFrom('ping', 'pong'), seq: bytes, credit: bytes, bytes }),
  )
  .map((fields) => ({ ...fields })) as fc.Arbitrary<Frame>

/** Anything that an application may put into a field: controls, line breaks, lone surrogates. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('\r', '\n', '\0', ':', ' ', 'a', '\ud800', 'é', '\t') }),
  fc.constantFrom('a\r\nSx-End: 1', 'x\nSx-Code: busy', 'ok\r\n\r\npayload'),
)
const hostileName = fc.oneof(
  hostile,
  fc.constantFrom('Sx', 'SX-End', 'Sx-Status', 'sx-credit', 'Nats-Trace-Only', 'Connection'),
)

function decode(block: Uint8Array, payload: Uint8Array) {
  return decodeFrame(MsgHdrsImpl.decode(block), payload)
}

function payloadOf(frame: Frame): Uint8Array {
  return 'payload' in frame ? frame.payload : EMPTY
}

describe('encodeFrame', () => {
  test('writes what decodeFrame reads', () => {
    fc.assert(
      fc.property(frame, (frame) => {
        assert.deepEqual(decode(encodeFrame(frame), payloadOf(frame)), frame)
      }),
    )
  })

  test('lets no header of an application add a line, or a field that the protocol reads', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(hostileName, hostile), { maxLength: 4 }), (fields) => {
        const head: Frame = {
          type: 'head',
          seq: 1,
          status: 200,
          headers: fields.flat(),
          payload: EMPTY,
          end: false,
          credit: undefined,
          maxBytes: undefined,
        }
        const block = Buffer.from(encodeFrame(head)).toString('latin1')
        assert.ok(block.split(/[\r\n]+/).length <= 5 + fields.length)
        assert.doesNotMatch(block.slice(0, -4), /\r\n\r\n/)
        const decoded = decode(Buffer.from(block, 'latin1'), EMPTY)
        assert.ok(decoded.type === 'head')
        const { headers, ...rest } = decoded
        const { headers: _, ...expected } = head
        assert.deepEqual(rest, expected)
        for (let i = 0; i < headers.length; i += 2) assert.doesNotMatch(headers[i]!, /^(sx|nats-)/)
      }),
    )
  })

  test('lets no text of a message or a reset add a line', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const data = decode(
          encodeFrame({ type: 'data', seq: 1, payload: EMPTY, meta: { event: text, id: text } }),
          EMPTY,
        )
        assert.ok(data.type === 'data' && data.seq === 1 && data.meta?.type === undefined)
        const reset: Frame = { type: 'reset', code: 'internal', status: undefined, reason: text }
        const decoded = decode(encodeFrame(reset), EMPTY)
        assert.ok(decoded.type === 'reset' && decoded.code === 'internal' && decoded.status === undefined)
      }),
    )
  })
})

test('cuts the reason of a reset, which has to get through', () => {
  const frame = { type: 'reset', code: 'internal', status: undefined, reason: 'é'.repeat(1_000_000) } as const
  assert.ok(encodeFrame(frame).length < 16 * 1024)
})
