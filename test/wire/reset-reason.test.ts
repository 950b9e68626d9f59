import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { cutReason } from '../../src/wire/reset-reason.ts'

describe('the reason of a reset', () => {
  test('stays as it is up to 1 KiB', () => {
    for (const reason of ['', 'not yours', 'x'.repeat(1024), '\u00fc'.repeat(512)])
      assert.equal(cutReason(reason), reason)
  })

  test('is cut between characters beyond that', () => {
    assert.equal(cutReason('x'.repeat(1_000_000)), 'x'.repeat(1024))
    assert.equal(cutReason(`x${'\u00fc'.repeat(600)}`), `x${'\u00fc'.repeat(511)}`)
    assert.equal(cutReason('\u{1f600}'.repeat(600)), '\u{1f600}'.repeat(256))
  })

  test('is a beginning of what was said, and as much of it as fits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 200, maxLength: 1500 }), (text) => {
        const reason = text.toWellFormed()
        const cut = cutReason(reason)
        assert.ok(reason.startsWith(cut))
        const bytes = Buffer.byteLength(cut)
        assert.ok(bytes <= 1024)
        if (cut !== reason) assert.ok(bytes > 1020)
      }),
    )
  })
})
