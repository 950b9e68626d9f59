import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatTraceparent, parseTraceparent, remoteParent } from '../../src/telemetry/trace-context.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const VALID = `00-${TRACE}-${SPAN}-01`

describe('traceparent', () => {
  test('is read in version 00 and, by its first fields, in those to come', () => {
    const sampled = { traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true }
    assert.deepEqual(parseTraceparent(VALID), sampled)
    assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-00`), { ...sampled, traceFlags: 0 })
    assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-ff`), sampled)
    assert.deepEqual(parseTraceparent(`cc-${TRACE}-${SPAN}-01`), sampled)
    assert.deepEqual(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-comes`), sampled)
  })

  for (const [what, text] of [
    ['nothing', ''],
    ['the version that is none', `ff-${TRACE}-${SPAN}-01`],
    ['more than version 00 has', `${VALID}-00`],
    ['upper case', VALID.toUpperCase()],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a span id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['a short trace id', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['no flags', `00-${TRACE}-${SPAN}`],
    ['white space', ` ${VALID}`],
    ['a line feed at its end', `${VALID}\n`],
    ['two in one field', `${VALID},${VALID}`],
    ['control characters behind it', `cc-${TRACE}-${SPAN}-01-\r\nx: y`],
  ] as const) {
    test(`is refused with ${what}`, () => {
      assert.equal(parseTraceparent(text), undefined)
    })
  }

  test('is written as it is read, and nothing that is read makes another shape', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.{0,5})?$/), (text) => {
        const parent = parseTraceparent(text)
        if (parent === undefined) return
        assert.match(formatTraceparent(parent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
        assert.deepEqual(parseTraceparent(formatTraceparent(parent)), parent)
      }),
    )
  })
})

describe('the parent of a request', () => {
  const contextOf = (...headers: string[]) => remoteParent(headers)

  test('is that of the client', () => {
    const context = contextOf('host', 'x', 'traceparent', VALID, 'tracestate', 'a=1', 'tracestate', 'b=2')
    assert.equal(context?.traceId, TRACE)
    assert.equal(context?.spanId, SPAN)
    assert.equal(context?.isRemote, true)
    assert.equal(context?.traceState?.serialize(), 'a=1,b=2')
  })

  test('is none without exactly one valid traceparent', () => {
    assert.equal(contextOf(), undefined)
    assert.equal(contextOf('tracestate', 'a=1'), undefined)
    assert.equal(contextOf('traceparent', VALID, 'traceparent', VALID), undefined)
    assert.equal(contextOf('traceparent', 'x', 'tracestate', 'a=1'), undefined)
  })

  test('has of the tracestate what is valid, and none that is too long', () => {
    assert.equal(contextOf('traceparent', VALID, 'tracestate', 'A=1,b=2,c,d=\x7f')?.traceState?.serialize(), 'b=2')
    assert.equal(contextOf('traceparent', VALID, 'tracestate', `a=${'x'.repeat(600)}`)?.traceState?.serialize(), '')
  })
})
