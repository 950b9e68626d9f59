import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CLOSED_SIDE } from '../../src/exchange/closed-side.ts'
import { ExchangeError } from '../../src/exchange/errors.ts'
import type { RequestHead } from '../../src/exchange/exchange.ts'
import type { Kind } from '../../src/exchange/route.ts'
import { ExchangeMetrics } from '../../src/telemetry/exchange-metrics.ts'
import { MetricsWriter } from '../../src/telemetry/metrics-writer.ts'
import { testRequest } from '../support/test-request.ts'
import { testRoute } from '../support/test-route.ts'
import { metricValue, parseMetrics } from './parse-metrics.ts'

function read(metrics: ExchangeMetrics) {
  const out = new MetricsWriter()
  metrics.write(out)
  const families = parseMetrics(out.toString())
  return (name: string, labels = {}) => metricValue(families, `engine_router_${name}`, labels)
}

function request(kind: Kind, route: string | undefined): RequestHead {
  if (route === undefined) return testRequest({ kind })
  return testRequest({ kind, route: { ...testRoute({ name: route }), dispatch: () => CLOSED_SIDE } })
}

describe('the metrics of exchanges', () => {
  test('tell the protocols of one route apart, and add up its bytes', () => {
    const metrics = new ExchangeMetrics()
    for (const kind of ['http', 'ws', 'http'] as const) {
      metrics.begun()
      metrics.ended(request(kind, 'a'), 200, undefined, 20, 10, 5)
    }
    metrics.begun()
    metrics.ended(request('ws', undefined), 404, new ExchangeError('no_route', ''), 0, 0, 0)
    const value = read(metrics)
    assert.equal(value('exchanges_total', { route: 'a', kind: 'http', code: 'ok' }), 2)
    assert.equal(value('exchanges_total', { route: 'a', kind: 'ws', code: 'ok' }), 1)
    assert.equal(value('exchanges_total', { route: '-', kind: 'ws', code: 'no_route' }), 1)
    assert.equal(value('exchange_duration_seconds_count', { route: 'a', kind: 'http' }), 2)
    assert.equal(value('received_bytes_total', { route: 'a' }), 30)
    assert.equal(value('sent_bytes_total', { route: 'a' }), 15)
    assert.equal(value('exchanges_in_flight'), 0)
  })

  test('have the way to the backend: round trips, first bytes, nobody there, slow clients, gaps', () => {
    const metrics = new ExchangeMetrics()
    metrics.begun()
    metrics.onNoResponders('a')
    metrics.onFirstReply('a', 3)
    metrics.onHead('a', 30)
    metrics.onClientFull('a')
    assert.equal(read(metrics)('slow_clients'), 1)
    metrics.onClientDrained('a', 1500)
    metrics.ended(request('http', 'a'), 200, new ExchangeError('gap', ''), 40, 0, 0)
    const value = read(metrics)
    const route = { route: 'a' }
    assert.equal(value('nats_round_trip_seconds_bucket', { ...route, le: '0.0025' }), 0)
    assert.equal(value('nats_round_trip_seconds_bucket', { ...route, le: '0.005' }), 1)
    assert.equal(value('first_byte_seconds_sum', route), 0.03)
    assert.equal(value('no_responders_total', route), 1)
    assert.equal(value('client_pauses_total', route), 1)
    assert.equal(value('client_paused_seconds_total', route), 1.5)
    assert.equal(value('slow_clients'), 0)
    assert.equal(value('gaps_total', route), 1)
  })

  test('forget a route ten minutes after it has gone, and not if it comes back', () => {
    const metrics = new ExchangeMetrics()
    const ended = (route: string | undefined) => {
      metrics.begun()
      metrics.ended(request('http', route), 200, undefined, 1, 7, 0)
    }
    for (const route of ['stays', 'goes', 'returns', undefined]) ended(route)
    const bytes = () => {
      const value = read(metrics)
      return ['stays', 'goes', 'returns', '-'].map((route) => value('received_bytes_total', { route }))
    }
    const minute = 60_000
    metrics.forgetGone((name) => name === 'stays', 0)
    metrics.forgetGone((name) => name !== 'goes', 5 * minute)
    metrics.forgetGone((name) => name === 'stays', 9 * minute)
    assert.deepEqual(bytes(), [7, 7, 7, 7])
    metrics.forgetGone((name) => name === 'stays', 10 * minute)
    assert.deepEqual(bytes(), [7, undefined, 7, 7])
    metrics.forgetGone((name) => name === 'stays', 19 * minute)
    assert.deepEqual(bytes(), [7, undefined, undefined, 7])
  })
})
