import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BytesFraming } from '../../../src/adapters/tcp/bytes-framing.ts'
import type { Framing } from '../../../src/adapters/tcp/framing.ts'
import { LineFraming, MAX_LINE_BYTES } from '../../../src/adapters/tcp/line-framing.ts'
import { MAX_PART_BYTES, U32Framing } from '../../../src/adapters/tcp/u32-framing.ts'
import { ExchangeError } from '../../../src/exchange/errors.ts'

/** Feeds the bytes in these pieces, each in a buffer that is overwritten afterwards, and gives the whole messages. */
function decode(framing: Framing, bytes: Uint8Array, pieces: readonly number[]): string[] {
  const messages: string[] = []
  let parts = ''
  const add = (part: Uint8Array) => {
    parts += Buffer.from(part).toString('latin1')
    if (framing.meta?.fin === false) return
    messages.push(parts)
    parts = ''
  }
  let offset = 0
  for (let i = 0; offset < bytes.length; i++) {
    const size = pieces[i % pieces.length]!
    const chunk = Uint8Array.from(bytes.subarray(offset, offset + size))
    offset += size
    framing.push(chunk)
    for (let part = framing.take(); part !== undefined; part = framing.take()) add(part)
    chunk.fill(0xff)
  }
  const rest = framing.finish()
  if (rest !== undefined) add(rest)
  return messages
}

const pieces = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 })
const message = fc.uint8Array({ maxLength: 60 })

function isCode(code: string) {
  return (error: unknown) => error instanceof ExchangeError && error.code === code
}

describe('LineFraming', () => {
  const line = message.filter((bytes) => !bytes.includes(0x0a) && bytes.at(-1) !== 0x0d)

  test('gives the same lines wherever the bytes are split, with either line end', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(line, fc.boolean())), pieces, (lines, sizes) => {
        const bytes = Buffer.concat(lines.flatMap(([text, crlf]) => [text, Buffer.from(crlf ? '\r\n' : '\n')]))
        const expected = lines.map(([text]) => Buffer.from(text).toString('latin1'))
        assert.deepEqual(decode(new LineFraming(), bytes, sizes), expected)
      }),
    )
  })

  test('reads back what it wrote', () => {
    fc.assert(
      fc.property(fc.array(line), pieces, (lines, sizes) => {
        const out = new LineFraming()
        const bytes = Buffer.concat(lines.map((text) => out.encode(text, undefined)))
        assert.deepEqual(
          decode(new LineFraming(), bytes, sizes),
          lines.map((text) => Buffer.from(text).toString('latin1')),
        )
      }),
    )
  })

  test('takes the last line without its end', () => {
    assert.deepEqual(decode(new LineFraming(), Buffer.from('a\nb'), [1]), ['a', 'b'])
    assert.deepEqual(decode(new LineFraming(), Buffer.from('a\n'), [1]), ['a'])
  })

  test('takes a line of 64 KiB and not one byte more', () => {
    const longest = 'x'.repeat(MAX_LINE_BYTES)
    for (const end of ['\n', '\r\n', '']) {
      for (const size of [1000, MAX_LINE_BYTES + 2]) {
        assert.deepEqual(decode(new LineFraming(), Buffer.from(longest + end), [size]), [longest])
        assert.throws(() => decode(new LineFraming(), Buffer.from(`x${longest}${end}`), [size]), isCode('too_large'))
      }
    }
  })

  test('refuses a line that never ends before it has all of it', () => {
    const framing = new LineFraming()
    const chunk = Buffer.alloc(1000, 'x')
    let taken = 0
    assert.throws(() => {
      for (; taken < 1e7; taken += chunk.length) {
        framing.push(chunk)
        assert.equal(framing.take(), undefined)
      }
    }, isCode('too_large'))
    assert.ok(taken <= MAX_LINE_BYTES + chunk.length)
  })
})

describe('U32Framing', () => {
  test('reads back what it wrote wherever the bytes are split', () => {
    fc.assert(
      fc.property(fc.array(message), pieces, (messages, sizes) => {
        const out = new U32Framing(1000)
        const bytes = Buffer.concat(messages.map((text) => out.encode(text, undefined)!))
        assert.deepEqual(
          decode(new U32Framing(1000), bytes, sizes),
          messages.map((text) => Buffer.from(text).toString('latin1')),
        )
      }),
    )
  })

  test('puts the parts of a message from the backend together', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1 }), (parts) => {
        const framing = new U32Framing(10_000)
        const last = parts.length - 1
        const written = parts.map((part, index) => framing.encode(part, index < last ? { fin: false } : undefined))
        assert.ok(written.slice(0, last).every((bytes) => bytes === undefined))
        assert.deepEqual(decode(framing, written[last]!, [7]), [Buffer.concat(parts).toString('latin1')])
      }),
    )
  })

  test('hands on a large message in parts, of which only the last says that it is whole', () => {
    const framing = new U32Framing(1024 * 1024)
    const bytes = framing.encode(Buffer.alloc(MAX_PART_BYTES * 2 + 1), undefined)!
    framing.push(bytes)
    const parts: [number, boolean][] = []
    for (let part = framing.take(); part !== undefined; part = framing.take()) {
      parts.push([part.length, framing.meta.fin !== false])
    }
    assert.deepEqual(parts, [
      [MAX_PART_BYTES, false],
      [MAX_PART_BYTES, false],
      [1, true],
    ])
  })

  test('refuses a length above its limit, both ways, before any of the message', () => {
    const framing = new U32Framing(10)
    framing.push(Buffer.from([0, 0, 0, 11]))
    assert.throws(() => framing.take(), isCode('too_large'))
    assert.throws(() => new U32Framing(10).encode(Buffer.alloc(11), undefined), isCode('too_large'))
    const parts = new U32Framing(10)
    parts.encode(Buffer.alloc(6), { fin: false })
    assert.throws(() => parts.encode(Buffer.alloc(6), undefined), isCode('too_large'))
  })

  test('refuses an end in the middle of a length or a message', () => {
    for (const bytes of [[0], [0, 0, 0, 2], [0, 0, 0, 2, 1]]) {
      assert.throws(() => decode(new U32Framing(10), Buffer.from(bytes), [1]), isCode('bad_request'))
    }
  })
})

describe('BytesFraming', () => {
  test('leaves bytes as they are, and copies what it writes', () => {
    assert.deepEqual(decode(new BytesFraming(), Buffer.from('abc'), [2]), ['ab', 'c'])
    const chunk = Buffer.from('x')
    const written = new BytesFraming().encode(chunk)
    chunk.fill('y')
    assert.equal(Buffer.from(written).toString(), 'x')
  })
})
