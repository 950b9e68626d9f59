import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MetricsWriter } from '../../src/telemetry/metrics-writer.ts'
import { metricValue, parseMetrics } from './parse-metrics.ts'

describe('the metrics writer', () => {
  test('writes families and samples as the text format has them', () => {
    const out = new MetricsWriter()
    out.family('requests_total', 'counter', 'Requests.')
    out.sample('requests_total', { route: 'a', code: 'ok' }, 3)
    out.sample('requests_total', { route: 'b', code: 'timeout' }, 1)
    out.single('up', 'gauge', 'Whether it is up.', 1)
    assert.equal(
      out.toString(),
      [
        '# HELP requests_total Requests.',
        '# TYPE requests_total counter',
        'requests_total{route="a",code="ok"} 3',
        'requests_total{route="b",code="timeout"} 1',
        '# HELP up Whether it is up.',
        '# TYPE up gauge',
        'up 1',
        '',
      ].join('\n'),
    )
  })

  test('escapes what would end a label', () => {
    const out = new MetricsWriter()
    out.family('x', 'gauge', 'X.')
    out.sample('x', { label: 'a"b\\c\nd' }, 1)
    assert.match(out.toString(), /^x\{label="a\\"b\\\\c\\nd"\} 1$/m)
  })

  test('keeps any label value as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('\\', '"', '\n', 'n', '}', '{', ',', '=', ' ', 'é') }), (label) => {
        const out = new MetricsWriter()
        out.family('x', 'gauge', 'X.')
        out.sample('x', { label }, 1)
        assert.equal(metricValue(parseMetrics(out.toString()), 'x', { label }), 1)
      }),
    )
  })

  test('keeps any finite value as it was', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const out = new MetricsWriter()
        out.single('x', 'gauge', 'X.', value)
        assert.ok(metricValue(parseMetrics(out.toString()), 'x') === value)
      }),
    )
  })
})
