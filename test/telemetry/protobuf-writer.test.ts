import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeFields } from '../../src/telemetry/protobuf.ts'
import { ProtobufWriter } from '../../src/telemetry/protobuf-writer.ts'

function written(write: (out: ProtobufWriter) => void): Uint8Array {
  const out = new ProtobufWriter(16)
  write(out)
  return out.take()
}

describe('the protobuf writer', () => {
  test('writes what the specification has as examples', () => {
    assert.equal(Buffer.from(written((out) => out.varint(1, 150))).toString('hex'), '089601')
    assert.equal(Buffer.from(written((out) => out.text(2, 'testing'))).toString('hex'), '120774657374696e67')
  })

  test('writes fields that are read as they were', () => {
    const any = fc.record({
      field: fc.integer({ min: 1, max: 2 ** 20 }),
      number: fc.maxSafeNat(),
      text: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.string({ maxLength: 200 })),
      hex: fc.stringMatching(/^([0-9a-f]{2}){0,20}$/),
    })
    fc.assert(
      fc.property(fc.array(any, { maxLength: 20 }), (list) => {
        const bytes = written((out) => {
          for (const { field, number, text, hex } of list) {
            out.varint(field, number)
            out.text(field, text)
            out.hex(field, hex)
          }
        })
        assert.deepEqual(
          decodeFields(bytes).map(({ value }) =>
            typeof value === 'bigint' ? value : Buffer.from(value).toString('hex'),
          ),
          list.flatMap(({ number, text, hex }) => [BigInt(number), Buffer.from(text).toString('hex'), hex]),
        )
      }),
    )
  })

  test('knows the length of a nested message, whatever it is', () => {
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 3_000_000]) {
      const text = 'x'.repeat(length)
      const bytes = written((out) => {
        const outer = out.begin(1)
        const inner = out.begin(2)
        out.raw(Buffer.from(text))
        out.end(inner)
        out.varint(3, 7)
        out.end(outer)
      })
      const [outer] = decodeFields(bytes)
      const [inner, last] = decodeFields(outer!.value as Uint8Array)
      assert.equal(Buffer.from(inner!.value as Uint8Array).toString(), text)
      assert.equal(last!.value, 7n)
    }
  })

  test('writes nanoseconds of any time without rounding milliseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8_640_000_000_000 }), fc.constantFrom(0, 0.25, 0.5), (ms, part) => {
        const [field] = decodeFields(written((out) => out.nanoseconds(1, ms + part)))
        assert.equal(field!.value, BigInt(ms) * 1_000_000n + BigInt(part * 1e6))
      }),
    )
  })

  test('is empty again once what it has was taken', () => {
    const out = new ProtobufWriter()
    out.text(1, 'first')
    out.take()
    out.varint(1, 1)
    assert.equal(Buffer.from(out.take()).toString('hex'), '0801')
  })
})
