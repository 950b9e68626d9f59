import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BinaryFrameDecoder } from '../../../src/adapters/framing/binary-frame-decoder.ts'
import { decodeBinaryFrame, encodeBinaryFrame } from '../../../src/adapters/framing/binary-frames.ts'
import { type MuxFrame, MuxFrameError } from '../../../src/adapters/framing/mux-frame.ts'
import { arbitraryCuts, arbitraryFrame, splitAt } from './arbitrary-frame.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const fieldsHex = (json: string) => Buffer.from(json).toString('hex')

/** What is encoded, and how: other implementations may copy these. */
const VECTORS: readonly (readonly [MuxFrame, string])[] = [
  [{ t: 'ping' }, '07 00 00000000 00000000'],
  [{ t: 'pong' }, '08 00 00000000 00000000'],
  [{ t: 'end', id: 5, close: undefined }, '04 00 00000005 00000000'],
  [
    { t: 'head', id: 1, status: 200, headers: undefined, body: 'hi', end: true },
    `02 07 00000001 00000012 000e ${fieldsHex('{"status":200}')} 6869`,
  ],
  [
    {
      t: 'data',
      id: 2 ** 31 - 1,
      body: Uint8Array.of(1, 2, 3),
      end: false,
      fin: undefined,
      event: undefined,
      eventId: undefined,
    },
    '03 00 7fffffff 00000003 010203',
  ],
  [
    {
      t: 'data',
      id: 2,
      body: '',
      end: true,
      fin: undefined,
      event: undefined,
      eventId: undefined,
    },
    '03 03 00000002 00000000',
  ],
  [{ t: 'credit', id: 3, to: 524288 }, `06 04 00000003 0000000f 000d ${fieldsHex('{"to":524288}')}`],
  [
    {
      t: 'open',
      id: 1,
      method: undefined,
      path: '/a',
      headers: undefined,
      body: undefined,
      more: true,
      credit: undefined,
      deadline: undefined,
    },
    `01 04 00000001 0000000f 000d ${fieldsHex('{"path":"/a"}')}`,
  ],
]

const MALFORMED: readonly (readonly [string, string, RegExp])[] = [
  ['nothing', '', /shorter than its header/],
  ['half a header', '07 00 0000', /shorter than its header/],
  ['less than the announced payload', '03 00 00000001 00000003 0102', /not one frame/],
  ['more than the announced payload', '03 00 00000001 00000001 0102', /not one frame/],
  ['two frames', '07 00 00000000 00000000 07 00 00000000 00000000', /not one frame/],
  ['a payload of 4 GiB', '03 00 00000001 ffffffff', /a frame of more than/],
  ['the type 0', '00 00 00000001 00000000', /t is not/],
  ['the type 11', '0b 00 00000001 00000000', /t is not/],
  ['the id 0', '03 00 00000000 00000000', /id is not/],
  ['the id 2^31', '03 00 80000000 00000000', /id is not/],
  ['fields without a length', '02 04 00000001 00000001 00', /fields that are longer/],
  ['fields longer than the frame', '02 04 00000001 00000003 0002 7b', /fields that are longer/],
  ['fields that are not JSON', '02 04 00000001 00000003 0001 7b', /not JSON/],
  ['fields that are a number', '02 04 00000001 00000003 0001 37', /not an object/],
  ['a head without fields', '02 01 00000001 00000000', /status is missing/],
  ['text that is not UTF-8', '03 02 00000001 00000001 ff', /text that is not UTF-8/],
]

describe('frames in binary', () => {
  for (const [frame, expected] of VECTORS) {
    test(`${frame.t}${'id' in frame ? ` ${frame.id}` : ''} is ${expected}`, () => {
      assert.equal(hex(encodeBinaryFrame(frame)), expected.replaceAll(' ', ''))
      assert.deepEqual(decodeBinaryFrame(bytesOf(expected)), frame)
    })
  }

  test('come back as they were', () => {
    fc.assert(
      fc.property(arbitraryFrame, (frame) => assert.deepEqual(decodeBinaryFrame(encodeBinaryFrame(frame)), frame)),
    )
  })

  test('are read out of the middle of a buffer', () => {
    const [frame, text] = VECTORS[3]!
    const buffer = new Uint8Array(200)
    buffer.set(bytesOf(text), 33)
    assert.deepEqual(decodeBinaryFrame(buffer.subarray(33, 33 + bytesOf(text).length)), frame)
  })

  for (const [what, text, reason] of MALFORMED) {
    test(`refuses ${what}`, () => {
      assert.throws(() => decodeBinaryFrame(bytesOf(text)), { name: 'MuxFrameError', message: reason })
    })
  }

  test('refuses a body of more than 64 KiB, to send and to receive', () => {
    const body = new Uint8Array(64 * 1024 + 1)
    assert.throws(() => encodeBinaryFrame({ t: 'data', id: 1, body }), /a body of more than/)
    const message = new Uint8Array(10 + body.length)
    message.set(bytesOf('03 00 00000001 00010001'))
    assert.throws(() => decodeBinaryFrame(message), /a body of more than/)
  })

  test('refuses to send fields that their length cannot tell', () => {
    const headers = { a: 'x'.repeat(65_536) }
    assert.throws(() => encodeBinaryFrame({ t: 'head', id: 1, status: 200, headers }), /fields of more than/)
  })

  test('refuses any other bytes with the same error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          decodeBinaryFrame(bytes)
        } catch (error) {
          assert.ok(error instanceof MuxFrameError)
        }
      }),
    )
  })
})

describe('a stream of binary frames', () => {
  test('is frames wherever it is split', () => {
    fc.assert(
      fc.property(fc.array(arbitraryFrame, { maxLength: 5 }), arbitraryCuts, (frames, cuts) => {
        const bytes = Uint8Array.from(Buffer.concat(frames.map(encodeBinaryFrame)))
        const found: unknown[] = []
        const decoder = new BinaryFrameDecoder((frame) => found.push(structuredClone(frame)))
        for (const piece of splitAt(bytes, cuts)) decoder.push(piece)
        assert.deepEqual(found, frames)
      }),
    )
  })

  test('of one byte at a time is the same', () => {
    const found: unknown[] = []
    const decoder = new BinaryFrameDecoder((frame) => found.push(structuredClone(frame)))
    for (const [, text] of VECTORS) for (const byte of bytesOf(text)) decoder.push(Uint8Array.of(byte))
    assert.deepEqual(
      found,
      VECTORS.map(([frame]) => frame),
    )
  })

  test('is refused at the header of a frame that is too long', () => {
    const decoder = new BinaryFrameDecoder(() => {})
    decoder.push(bytesOf('03 00 00000001 7f'))
    assert.throws(() => decoder.push(bytesOf('ffffff')), /a frame of more than/)
  })

  test('is delivered up to the frame that is broken', () => {
    const found: string[] = []
    const decoder = new BinaryFrameDecoder((frame) => found.push(frame.t))
    assert.throws(
      () => decoder.push(bytesOf('07 00 00000000 00000000 00 00 00000000 00000000 08 00 00000000 00000000')),
      MuxFrameError,
    )
    assert.deepEqual(found, ['ping'])
  })
})
