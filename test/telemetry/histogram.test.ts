import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Histogram } from '../../src/telemetry/histogram.ts'
import { MetricsWriter } from '../../src/telemetry/metrics-writer.ts'
import { metricValue, parseMetrics } from './parse-metrics.ts'

const BOUNDS = [0.1, 1, 10]

function written(values: readonly number[]) {
  const histogram = new Histogram(BOUNDS)
  for (const value of values) histogram.observe(value)
  const out = new MetricsWriter()
  out.family('h', 'histogram', 'H.')
  histogram.write(out, 'h', { route: 'a' })
  const families = parseMetrics(out.toString())
  const value = (name: string, labels = {}) => metricValue(families, name, { route: 'a', ...labels })
  return { bucket: (le: string) => value('h_bucket', { le }), sum: value('h_sum'), count: value('h_count') }
}

describe('a histogram', () => {
  test('counts in each bucket all that is not above its bound', () => {
    const { bucket, sum, count } = written([0.05, 0.1, 0.5, 1, 2, 50])
    assert.deepEqual([bucket('0.1'), bucket('1'), bucket('10'), bucket('+Inf')], [2, 4, 5, 6])
    assert.deepEqual([sum, count], [53.65, 6])
  })

  test('is there with zeros before anything is observed', () => {
    const { bucket, sum, count } = written([])
    assert.deepEqual([bucket('0.1'), bucket('+Inf'), sum, count], [0, 0, 0, 0])
  })

  test('agrees with a count by hand for any values', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true })), (values) => {
        const { bucket, count } = written(values)
        for (const bound of BOUNDS) {
          assert.equal(bucket(String(bound)), values.filter((value) => value <= bound).length)
        }
        assert.equal(count, values.length)
      }),
    )
  })
})
