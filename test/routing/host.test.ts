import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { matchesHost, parseHost } from '../../src/routing/host.ts'
import { PatternError } from '../../src/routing/pattern-error.ts'

describe('host patterns', () => {
  test('an exact name matches itself in whatever case it was written', () => {
    const host = parseHost('API.Example.com')
    assert.equal(matchesHost(host, 'api.example.com'), true)
    assert.equal(matchesHost(host, 'www.example.com'), false)
    assert.equal(matchesHost(host, 'x.api.example.com'), false)
  })

  test('a wildcard stands for one or more labels, never for none', () => {
    const host = parseHost('*.example.com')
    assert.equal(matchesHost(host, 'a.example.com'), true)
    assert.equal(matchesHost(host, 'a.b.example.com'), true)
    assert.equal(matchesHost(host, 'example.com'), false)
    assert.equal(matchesHost(host, '.example.com'), false)
    assert.equal(matchesHost(host, 'badexample.com'), false)
  })

  test('no pattern matches every host, even none', () => {
    assert.equal(matchesHost(parseHost(undefined), ''), true)
    assert.equal(matchesHost(parseHost(undefined), 'x.org'), true)
  })

  test('addresses are exact names', () => {
    assert.equal(matchesHost(parseHost('127.0.0.1'), '127.0.0.1'), true)
    assert.equal(matchesHost(parseHost('[2001:DB8::1]'), '[2001:db8::1]'), true)
  })

  for (const [pattern, advice] of [
    ['example.com:8080', /leave the port out/],
    ['*', /first label/],
    ['a.*.com', /first label/],
    ['*.*.com', /first label/],
    ['*example.com', /first label/],
    ['bücher.example', /xn--/],
    ['', /expected a host name/],
    ['a..b', /expected a host name/],
    ['-a.com', /expected a host name/],
    ['http://a', /expected a host name/],
    ['a b', /expected a host name/],
    [`${'a'.repeat(254)}`, /expected a host name/],
  ] as const) {
    test(`refuses ${JSON.stringify(pattern.slice(0, 30))} and says what to write`, () => {
      assert.throws(
        () => parseHost(pattern),
        (error) => error instanceof PatternError && advice.test(error.message),
      )
    })
  }
})
