import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MsgHdrsImpl } from 'nats/lib/nats-base-client/internal_mod.js'
import type { RequestHead } from '../../src/exchange/exchange.ts'
import { encodeOpen, encodeOpenPrefix, MAX_OPEN_HEADER_BYTES } from '../../src/wire/open.ts'
import { testRequest } from '../support/test-request.ts'
import { testRoute } from '../support/test-route.ts'

const request = (over: Partial<RequestHead>): RequestHead =>
  testRequest({
    host: 'example.com',
    path: '/orders/eu',
    query: 'a=1',
    requestId: 'id-1',
    subject: 'orders.eu',
    ...over,
  })

/** As the client library of a responder reads it. */
function decode(block: Uint8Array | undefined): Map<string, string[]> {
  assert.ok(block)
  return new Map(MsgHdrsImpl.decode(block))
}

const open = (headers: readonly string[], forward: 'all' | 'none' | ReadonlySet<string> = 'all') =>
  decode(encodeOpen(encodeOpenPrefix(testRoute(), 262_144), request({ headers }), forward))

describe('encodeOpen', () => {
  test('says what the request is', () => {
    const headers = decode(
      encodeOpen(encodeOpenPrefix(testRoute({ timeoutMs: 5000 }), 262_144), request({ length: 7 }), 'all'),
    )
    assert.deepEqual(Object.fromEntries(headers), {
      Sx: ['open 1'],
      'Sx-Kind': ['http'],
      'Sx-Route': ['test'],
      'Sx-Deadline': ['5000'],
      'Sx-Credit': ['262144'],
      'Sx-Max': ['32768'],
      'Sx-Method': ['GET'],
      'Sx-Path': ['/orders/eu'],
      'Sx-Request-Id': ['id-1'],
      'Sx-Remote': ['192.0.2.1'],
      'Sx-Host': ['example.com'],
      'Sx-Query': ['a=1'],
      'Sx-Length': ['7'],
    })
  })

  test('forwards the headers of the client in order, duplicates kept', () => {
    const headers = open(['accept', 'a', 'x-a', '1', 'x-a', '2'])
    assert.deepEqual(headers.get('accept'), ['a'])
    assert.deepEqual(headers.get('x-a'), ['1', '2'])
  })

  test('strips what NATS and SX/1 read themselves', () => {
    const headers = open(['nats-trace-only', 'true', 'nats-expected-stream', 's', 'sx', 'reset', 'sx-status', '200'])
    for (const name of headers.keys()) assert.doesNotMatch(name, /^nats-/i)
    assert.deepEqual(headers.get('Sx'), ['open 1'])
    assert.equal(headers.has('sx-status'), false)
  })

  test('strips hop-by-hop fields and those that Connection names', () => {
    const headers = open([
      'connection',
      'close, X-Secret',
      'x-secret',
      '1',
      'te',
      'trailers',
      'upgrade',
      'h2c',
      'x-b',
      '2',
    ])
    assert.equal(headers.get('x-b')?.[0], '2')
    for (const name of ['connection', 'x-secret', 'te', 'upgrade']) assert.equal(headers.has(name), false, name)
  })

  test('percent-encodes what is not ASCII and drops values with control characters', () => {
    const headers = open(['x-name', 'café ☕', 'x-nul', 'a\0b', 'x-cr', 'a\rb', 'x-lf', 'a\nSx: reset'])
    assert.deepEqual(headers.get('x-name'), ['caf%C3%A9 %E2%98%95'])
    for (const name of ['x-nul', 'x-cr', 'x-lf']) assert.equal(headers.has(name), false, name)
  })

  test('forwards none, or those that the route names', () => {
    assert.equal(open(['x-a', '1'], 'none').has('x-a'), false)
    const some = open(['x-a', '1', 'x-b', '2'], new Set(['x-b']))
    assert.equal(some.has('x-a'), false)
    assert.deepEqual(some.get('x-b'), ['2'])
  })

  test('refuses a block over the limit', () => {
    const big = request({ headers: ['x-big', 'x'.repeat(MAX_OPEN_HEADER_BYTES)] })
    assert.equal(encodeOpen(encodeOpenPrefix(testRoute(), 262_144), big, 'all'), undefined)
  })

  test('whatever a client sends, a responder reads our metadata unchanged and no header that we did not mean', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    const name = fc.oneof(text, fc.constantFrom('sx', 'sx-status', 'nats-trace-only', 'connection', 'x-a'))
    fc.assert(
      fc.property(fc.array(fc.tuple(name, text), { maxLength: 20 }), text, text, (fields, host, query) => {
        const headers = fields.flatMap(([field, value]) => [field.toLowerCase(), value])
        const block = encodeOpen(encodeOpenPrefix(testRoute(), 262_144), request({ headers, host, query }), 'all')
        assert.ok(block)
        const lines = Buffer.from(block).toString('latin1').split('\r\n')
        assert.equal(lines[0], 'NATS/1.0')
        assert.deepEqual(lines.slice(-2), ['', ''])
        const own = lines.filter((line) => /^(sx|nats)/i.test(line)).map((line) => line.split(':')[0])
        const expected = [
          'NATS/1.0',
          'Sx',
          'Sx-Route',
          'Sx-Deadline',
          'Sx-Credit',
          'Sx-Max',
          'Sx-Kind',
          'Sx-Method',
          'Sx-Path',
          'Sx-Request-Id',
        ]
        assert.deepEqual(own.slice(0, 10), expected)
        for (const line of own.slice(10)) assert.ok(['Sx-Remote', 'Sx-Host', 'Sx-Query'].includes(line!), line)
        for (const line of lines.slice(1, -2)) assert.match(line, /^[!-9;-~]+: [ -~]*$/)
      }),
      { numRuns: 1000 },
    )
  })
})
