import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CollectorHealth, reasonOf } from '../../src/telemetry/collector-health.ts'
import { createTestLogger } from '../store/migrated-database.ts'

const refused = new Error('connect ECONNREFUSED 127.0.0.1:4318')

function setUp() {
  const { logger, lines } = createTestLogger()
  const clock = { nowMs: 0 }
  const health = new CollectorHealth({ logger, now: () => clock.nowMs })
  return { clock, health, told: () => lines.splice(0).map(({ level, fields, message }) => [level, fields, message]) }
}

describe('the health of a collector', () => {
  test('is told of once when it is away, without a stack, and once when it is back', () => {
    const { health, told } = setUp()
    health.onLost(2, refused)
    assert.deepEqual(told(), [
      [
        'warn',
        { spans: 2 },
        'tracing: the collector does not take spans, which are lost: connect ECONNREFUSED 127.0.0.1:4318',
      ],
    ])
    for (let i = 0; i < 100; i++) health.onLost(1, refused)
    health.onLost(5)
    assert.deepEqual(told(), [])
    health.onTaken()
    health.onTaken()
    assert.deepEqual(told(), [['info', { lost: 107 }, 'tracing: the collector takes spans again']])
  })

  test('is told of every ten seconds at most when it comes and goes', () => {
    const { clock, health, told } = setUp()
    for (let second = 0; second < 10; second++) {
      clock.nowMs = second * 1000
      health.onLost(1, refused)
      health.onTaken()
    }
    assert.equal(told().length, 2)
    clock.nowMs = 10_000
    health.onLost(1)
    assert.deepEqual(told(), [
      ['warn', { spans: 10 }, 'tracing: the collector does not take spans, which are lost: it does not keep up'],
    ])
  })

  test('is failing from an attempt that failed to one that did not', () => {
    const { health } = setUp()
    health.onLost(1)
    assert.equal(health.isFailing, false)
    health.onLost(1, refused)
    assert.equal(health.isFailing, true)
    health.onTaken()
    assert.equal(health.isFailing, false)
  })

  test('has a reason of one line for every failure', () => {
    assert.equal(reasonOf(new AggregateError([refused, refused])), refused.message)
    assert.equal(reasonOf(new Error('Bad\nRequest')), 'Bad Request')
    assert.equal(reasonOf(new RangeError()), 'RangeError')
  })
})
