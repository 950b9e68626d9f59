import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CorsOrigins } from '../../src/policies/cors-origins.ts'

describe('origins of cors', () => {
  const origins = new CorsOrigins(
    ['https://app.example.com', 'https://*.example.org', 'http://*.dev.local:8080'],
    String,
  )
  const isAllowed = (origin: string) => origins.answer(origin) !== undefined

  test('what a wildcard lets in is a subdomain in the eyes of a URL parser too', () => {
    const piece = fc.constantFrom(
      'https://',
      'http://',
      'evil.com',
      'a',
      '.',
      '.example.org',
      'example.org',
      '@',
      ':',
      '#',
      '/',
      '?',
      '\\',
      ':8080',
      '%2e',
      '-',
    )
    let allowed = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const origin = pieces.join('')
        if (!isAllowed(origin)) return
        allowed++
        const { protocol, hostname, port, origin: parsed } = new URL(origin)
        assert.deepEqual([parsed, protocol, port], [origin, 'https:', ''])
        assert.ok(hostname.endsWith('.example.org') && hostname.length > '.example.org'.length)
      }),
      { numRuns: 20_000, examples: [[['https://', 'a', '.example.org']]] },
    )
    assert.ok(allowed > 0)
  })

  test('a wildcard has a scheme and a port', () => {
    assert.equal(isAllowed('http://a.dev.local:8080'), true)
    assert.equal(isAllowed('http://a.dev.local'), false)
    assert.equal(isAllowed('https://a.dev.local:8080'), false)
  })

  test('each origin gets its own answer, and all the same where all may come', () => {
    assert.equal(origins.answer('https://a.example.org'), 'https://a.example.org')
    const all = new CorsOrigins(['https://app.example.com', '*'], String)
    assert.deepEqual([all.answer('https://app.example.com'), all.answer('null')], ['*', '*'])
  })
})
