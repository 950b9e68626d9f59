import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import { createSampler } from '../../src/telemetry/sampler.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const parent = (traceFlags: number) => ({ traceId: TRACE, spanId: '00f067aa0ba902b7', traceFlags })

describe('a sampler', () => {
  test('decides alone, or as the parent has', () => {
    for (const [name, root, ofSampled, ofOther] of [
      ['always_on', true, true, true],
      ['always_off', false, false, false],
      ['traceidratio', true, true, true],
      ['parentbased_always_on', true, true, false],
      ['parentbased_always_off', false, true, false],
      ['parentbased_traceidratio', true, true, false],
    ] as const) {
      const sampler = createSampler(name, '1')
      assert.deepEqual(
        [sampler(TRACE, undefined), sampler(TRACE, parent(1)), sampler(TRACE, parent(0))],
        [root, ofSampled, ofOther],
        name,
      )
    }
  })

  test('of a ratio takes the traces that other programs with that ratio take', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{32}$/), fc.double({ min: 0, max: 1, noNaN: true }), (traceId, ratio) => {
        fc.pre(!/^0+$/.test(traceId))
        const theirs = new TraceIdRatioBasedSampler(ratio).shouldSample(ROOT_CONTEXT, traceId)
        assert.equal(
          createSampler('traceidratio', String(ratio))(traceId, undefined),
          theirs.decision === SamplingDecision.RECORD_AND_SAMPLED,
        )
      }),
    )
  })
})
