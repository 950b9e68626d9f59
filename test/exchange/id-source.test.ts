import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { test } from 'node:test'
import { createIdSource } from '../../src/exchange/id-source.ts'

test('gives distinct tokens of 96 bits, across refills of its pool', () => {
  const next = createIdSource(randomFillSync)
  const ids = new Set(Array.from({ length: 5000 }, next))
  assert.equal(ids.size, 5000)
  for (const id of ids) assert.match(id, /^[A-Za-z0-9_-]{16}$/)
})

test('takes every bit from the generator', () => {
  let fills = 0
  const next = createIdSource((buffer) => buffer.fill(++fills))
  const first = next()
  assert.equal(Buffer.from(first, 'base64url').equals(Buffer.alloc(12, 1)), true)
  for (let i = 0; i < 511; i++) next()
  assert.equal(Buffer.from(next(), 'base64url').equals(Buffer.alloc(12, 2)), true)
})
