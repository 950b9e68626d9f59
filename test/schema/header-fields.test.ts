import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { headerFieldsSchema, headerNameSchema } from '../../src/schema/header-fields.ts'
import { faultOf } from './fault-of.ts'

const FIELDS = headerFieldsSchema({
  maxFields: 2,
  faultOf: (name, value) => (value === 'bad' ? `bad for ${name}` : undefined),
})

describe('a header name', () => {
  test('is a token of HTTP, of at most 128 characters', () => {
    for (const name of ['X-Tenant', 'a', '__proto__', 'a'.repeat(128)])
      assert.equal(faultOf(headerNameSchema, name), undefined)
    for (const [name, got] of [
      ['a b', '"a b"'],
      ['', '""'],
      ['ü', '"ü"'],
      ['a'.repeat(129), `"${'a'.repeat(56)}...`],
      [5, '5'],
      [null, 'nothing'],
    ] as const) {
      assert.equal(faultOf(headerNameSchema, name), `expected a header name such as x-tenant; got ${got}`)
    }
  })
})

describe('a mapping of header fields', () => {
  test('is left as it was written, a name like __proto__ too', () => {
    const fields = JSON.parse('{"X-A":"1","__proto__":"2"}')
    assert.deepEqual(Object.entries(FIELDS.parse(fields)), Object.entries(fields))
  })

  test('says which name or value is wrong', () => {
    for (const [fields, fault] of [
      [{ 'a b': '1' }, 'expected a header name such as x-tenant; got "a b"'],
      [{ a: '1', A: '2' }, 'the same header is named twice'],
      [{ a: 'bad' }, 'bad for a'],
      [{ a: '1', b: '2', c: '3' }, 'expected at most 2 header fields'],
      [['a'], 'expected a mapping of header names to values; got a list'],
      [null, 'expected a mapping of header names to values; got nothing'],
    ] as const) {
      assert.equal(faultOf(FIELDS, fields), fault)
    }
  })

  test('does not repeat a value, which may be a secret', () => {
    assert.equal(faultOf(FIELDS, { authorization: 12_345 }), 'expected text: put the value in quotes')
  })
})
