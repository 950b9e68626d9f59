import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isTracingOn } from '../../src/config/tracing.ts'

const ENDPOINT = 'http://127.0.0.1:4318'

describe('tracing', () => {
  test('is off unless the environment says where traces go, or that they go', () => {
    assert.equal(isTracingOn({}), false)
    assert.equal(
      isTracingOn({ OTEL_SERVICE_NAME: 'x', OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_TRACES_EXPORTER: '' }),
      false,
    )
    assert.equal(isTracingOn({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT }), true)
    assert.equal(isTracingOn({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${ENDPOINT}/v1/traces` }), true)
    assert.equal(isTracingOn({ OTEL_TRACES_EXPORTER: 'otlp' }), true)
  })

  test('can be turned off beside an endpoint', () => {
    assert.equal(isTracingOn({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_SDK_DISABLED: 'True' }), false)
    assert.equal(isTracingOn({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }), false)
  })

  for (const [variable, value, message] of [
    ['OTEL_TRACES_EXPORTER', 'zipkin', /expected otlp or none; got zipkin/],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', '127.0.0.1:4318', /expected a URL such as/],
    ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'grpc', /expected http\/protobuf/],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json', /expected http\/protobuf/],
    ['OTEL_TRACES_SAMPLER', 'always_onn', /did you mean "always_on"/],
  ] as const) {
    test(`refuses ${variable}=${value}`, () => {
      const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ENDPOINT, [variable]: value }
      assert.throws(
        () => isTracingOn(env),
        (error: Error) =>
          error.name === 'ConfigError' && error.message.startsWith(variable) && message.test(error.message),
      )
    })
  }

  test('refuses a ratio that is none, where the sampler takes one', () => {
    const env = (sampler: string, argument: string) => ({
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_TRACES_SAMPLER: sampler,
      OTEL_TRACES_SAMPLER_ARG: argument,
    })
    for (const argument of ['', '2', '-1', '10%', '1.2.3'])
      assert.throws(() => isTracingOn(env('parentbased_traceidratio', argument)), /OTEL_TRACES_SAMPLER_ARG: expected/)
    assert.equal(isTracingOn(env('traceidratio', '0.25')), true)
    assert.equal(isTracingOn(env('always_on', 'whatever')), true)
  })
})
