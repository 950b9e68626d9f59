import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { secretSource } from '../../../src/policies/jwt/key-source.ts'

const { parse } = secretSource('secret')
const secretOf = (bytes: Buffer) => parse(bytes)({ alg: 'HS256' }, { payload: '', signature: '' })

test('a secret is the bytes of its file, without the end of the line of a text', async () => {
  const text = 'x'.repeat(32)
  for (const end of ['', '\n', '\r\n']) assert.deepEqual(await secretOf(Buffer.from(text + end)), Buffer.from(text))
  const binary = Buffer.concat([Buffer.from([0xff]), randomBytes(31)])
  assert.deepEqual(await secretOf(binary), binary)
})

test('a secret has 32 bytes, and not so many characters of what could not be read', () => {
  for (const bytes of [Buffer.alloc(11, 0xff), Buffer.from(`${'x'.repeat(31)}\n`)]) {
    assert.throws(() => parse(bytes), /32 bytes at least/)
  }
})
