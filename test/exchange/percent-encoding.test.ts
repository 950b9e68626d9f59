import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isEncodingOf } from '../../src/exchange/percent-encoding.ts'

test('a name is known however much of it is encoded', () => {
  for (const text of ['token', '%74oken', 'to%6ben', 'to%6Ben', '%74%6f%6b%65%6e'])
    assert.ok(isEncodingOf(text, 'token'))
  for (const text of ['', 'toke', 'tokens', 'Token', '%74oke', 'token%', 'token%2', 'to%ken', '%', '%6', '%zzoken']) {
    assert.ok(!isEncodingOf(text, 'token'), text)
  }
  assert.ok(isEncodingOf('a+b', 'a b') && isEncodingOf('a+b', 'a+b') && isEncodingOf('a%20b', 'a b'))
  assert.ok(!isEncodingOf('a%20b', 'a+b'))
  assert.ok(isEncodingOf('%C3%A9', 'é') && !isEncodingOf('%E9', 'é'))
})

test('whatever decodes to the name is one, and nothing else', () => {
  const name = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom('a', 'b', '%', '+', ' ', 'é', '€') })
  fc.assert(
    fc.property(name, fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }), name, (wanted, choices, other) => {
      const encode = (text: string) =>
        [...Buffer.from(text)]
          .map((byte, i) => {
            const mustEncode = byte > 0x7e || byte === 0x25 || byte === 0x20 || byte === 0x2b
            return mustEncode || choices[i] ? `%${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte)
          })
          .join('')
      assert.ok(isEncodingOf(encode(wanted), wanted))
      assert.equal(isEncodingOf(encode(other), wanted), other === wanted)
    }),
  )
})
