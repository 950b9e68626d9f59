import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstValue, isNamed, withoutFields } from '../../src/exchange/header-list.ts'

const LIST = ['accept', 'cookie', 'cookie', 'a=1', 'cookie', 'b=2']

test('finds a field by its name, and never by its value', () => {
  assert.equal(isNamed(LIST, 'cookie'), true)
  assert.equal(isNamed(LIST, 'a=1'), false)
  assert.equal(isNamed([], 'cookie'), false)
})

test('looks at the beginning of a list alone, if told to', () => {
  assert.equal(isNamed(LIST, 'cookie', 2), false)
  assert.equal(isNamed(LIST, 'cookie', 4), true)
})

test('gives the first of two values', () => {
  assert.equal(firstValue(LIST, 'cookie'), 'a=1')
  assert.equal(firstValue(LIST, 'b=2'), undefined)
})

test('leaves out every field of a name, and nothing of a list without it', () => {
  assert.deepEqual(withoutFields(LIST, new Set(['cookie'])), ['accept', 'cookie'])
  assert.equal(withoutFields(LIST, new Set(['a=1'])), LIST)
})
