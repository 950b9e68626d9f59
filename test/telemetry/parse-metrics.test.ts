import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { metricValue, parseMetrics } from './parse-metrics.ts'

const COUNTER = '# HELP a_total A.\n# TYPE a_total counter\n'
const HISTOGRAM = '# HELP h H.\n# TYPE h histogram\n'

const BAD: readonly (readonly [why: string, text: string])[] = [
  ['no line end', `${COUNTER}a_total 1`],
  ['no TYPE', 'a_total 1\n'],
  ['TYPE without HELP', '# TYPE a_total counter\na_total 1\n'],
  ['a family in two places', `${COUNTER}a_total 1\n${COUNTER}a_total{x="1"} 1\n`],
  ['a sample of another family', `${COUNTER}b_total 1\n`],
  ['a series twice', `${COUNTER}a_total{x="1",y="2"} 1\na_total{y="2",x="1"} 1\n`],
  ['a quote that is not escaped', `${COUNTER}a_total{x="a"b"} 1\n`],
  ['no number', `${COUNTER}a_total undefined\n`],
  ['a counter below zero', `${COUNTER}a_total -1\n`],
  ['a bucket below the one before', `${HISTOGRAM}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`],
  ['a count that is not the last bucket', `${HISTOGRAM}h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n`],
  ['no +Inf', `${HISTOGRAM}h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`],
]

describe('the parser of metrics that these tests trust', () => {
  for (const [why, text] of BAD) test(`refuses ${why}`, () => assert.throws(() => parseMetrics(text)))

  test('reads what is right', () => {
    const families = parseMetrics(
      `${COUNTER}a_total{x="a\\"\\\\\\n,}"} 2\n${HISTOGRAM}h_bucket{le="+Inf"} 1\nh_sum 2\nh_count 1\n`,
    )
    assert.equal(metricValue(families, 'a_total', { x: 'a"\\\n,}' }), 2)
    assert.equal(metricValue(families, 'h_count'), 1)
    assert.equal(metricValue(families, 'a_total'), undefined)
  })
})
