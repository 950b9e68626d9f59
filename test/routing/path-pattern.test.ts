import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parsePath } from '../../src/routing/path-pattern.ts'
import { PatternError } from '../../src/routing/pattern-error.ts'

describe('path patterns', () => {
  test('hold literals, parameters and a rest', () => {
    assert.deepEqual(parsePath('/orders/{region}/{rest...}'), [
      { kind: 'literal', text: 'orders' },
      { kind: 'param', text: 'region' },
      { kind: 'rest', text: 'rest' },
    ])
  })

  test('keep a trailing slash as an empty last segment', () => {
    assert.deepEqual(parsePath('/'), [{ kind: 'literal', text: '' }])
    assert.deepEqual(
      parsePath('/a/').map(({ text }) => text),
      ['a', ''],
    )
  })

  test('decode literals, so that each spelling of a segment is the same', () => {
    assert.deepEqual(parsePath('/caf%C3%A9'), parsePath('/café'))
    assert.deepEqual(parsePath('/%61'), parsePath('/a'))
    assert.deepEqual(parsePath('/a%20b'), [{ kind: 'literal', text: 'a b' }])
    assert.deepEqual(parsePath('/a%2Fb'), [{ kind: 'literal', text: 'a/b' }])
    assert.deepEqual(parsePath('/%7Bid%7D'), [{ kind: 'literal', text: '{id}' }])
  })

  for (const [pattern, advice] of [
    ['orders', /begins with `\/`/],
    ['', /begins with `\/`/],
    ['/a?b=c', /leave out the query/],
    ['/a#b', /leave out the query/],
    ['/a//b', /empty segment/],
    ['//', /empty segment/],
    ['/a/*', /\{rest\.\.\.\}/],
    ['/a*', /\{name\}/],
    ['/a{b}', /a parameter is a whole segment/],
    ['/{a}{b}', /a parameter is a whole segment/],
    ['/{a', /a parameter is a whole segment/],
    ['/{}', /needs a name/],
    ['/{...}', /needs a name/],
    ['/{1a}', /does not begin with a digit/],
    ['/{a-b}', /letters, digits and `_`/],
    ['/{a..}', /letters, digits and `_`/],
    ['/{rest...}/a', /must be the last segment/],
    ['/{a}/b/{a}', /`a` is used twice/],
    ['/{a}/{a...}', /`a` is used twice/],
    ['/a/../b', /clients resolve `\.\.`/],
    ['/./b', /clients resolve `\.`/],
    ['/%2e%2E/b', /clients resolve/],
    ['/100%', /write `%` as `%25`/],
    ['/%ff', /not percent-encoded UTF-8/],
    ['/a b', /white space/],
    ['/a%00', /control character/],
    ['/a\x01', /control character/],
    ['/a\ud800', /surrogate/],
    [`${'/a'.repeat(65)}`, /at most 64 segments/],
  ] as const) {
    test(`refuses ${JSON.stringify(pattern.slice(0, 20))} and says what to write`, () => {
      assert.throws(
        () => parsePath(pattern),
        (error) => error instanceof PatternError && advice.test(error.message),
      )
    })
  }
})
