import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parsePath } from '../../src/routing/path-pattern.ts'
import { PatternError } from '../../src/routing/pattern-error.ts'
import { assertNamesExist, NOT_IN_A_TOKEN, parseTemplate } from '../../src/routing/subject-template.ts'

function complaint(advice: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof PatternError && advice.test(error.message)
}

describe('subject templates', () => {
  test('are literals and parameters, token by token', () => {
    assert.deepEqual(parseTemplate('orders.{region}.v1.{rest...}'), [
      { kind: 'literal', text: 'orders' },
      { kind: 'capture', name: 'region', rest: false },
      { kind: 'literal', text: 'v1' },
      { kind: 'capture', name: 'rest', rest: true },
    ])
  })

  for (const [template, advice] of [
    ['', /a subject is needed/],
    ['.a', /empty token/],
    ['a.', /empty token/],
    ['a..b', /empty token/],
    ['a{b}c', /a parameter is a whole token/],
    ['{a}{b}', /a parameter is a whole token/],
    ['a.{b', /a parameter is a whole token/],
    ['a.b}', /a parameter is a whole token/],
    ['a.{}', /a parameter is a whole token/],
    ['a.*', /not to a wildcard/],
    ['a.>', /not to a wildcard/],
    ['a.b*', /not to a wildcard/],
    ['a b', /white space/],
    ['a.\u00a0b', /white space/],
    ['a\u0000', /control character/],
    ['a\u0085', /control character/],
    ['$SYS.a', /`\$SYS` are reserved/],
    ['$JS.API.{a}', /reserved/],
    ['_INBOX.a', /reserved/],
    ['é'.repeat(257), /at most 512 bytes/],
  ] as const) {
    test(`refuse ${JSON.stringify(template.slice(0, 20))} and say what to write`, () => {
      assert.throws(() => parseTemplate(template), complaint(advice))
    })
  }

  test('may hold `$` and `_INBOX` behind the first token, and 512 bytes', () => {
    assert.equal(parseTemplate('a.$SYS._INBOX').length, 3)
    assert.equal(parseTemplate('a'.repeat(512)).length, 1)
  })

  test('have no values of which two are one on the wire', () => {
    for (const text of ['\ud800', 'a\udfff', '\ufffd']) assert.match(text, NOT_IN_A_TOKEN)
    assert.doesNotMatch('a\u{1f600}é', NOT_IN_A_TOKEN)
  })

  test('use only names that the path has', () => {
    const path = parsePath('/a/{id}/{rest...}')
    assertNamesExist(parseTemplate('x.{rest}.{id}.{rest...}'), path)
    assert.throws(() => assertNamesExist(parseTemplate('x.{di}'), path), complaint(/which has `\{id\}`, `\{rest\}`/))
    assert.throws(() => assertNamesExist(parseTemplate('x.{id...}'), path), complaint(/write `\{id\}`/))
    assert.throws(() => assertNamesExist(parseTemplate('x.{a}'), parsePath('/')), complaint(/has no parameters/))
  })
})
