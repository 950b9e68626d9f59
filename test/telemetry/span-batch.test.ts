import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import { decodeSpans, type ReceivedSpan } from '../../src/telemetry/otlp-spans.ts'
import type { RecordedSpan, SpanLimits, SpanValues } from '../../src/telemetry/recorded-span.ts'
import { encodeSpanOrigin, SpanBatch, shareAttributes } from '../../src/telemetry/span-batch.ts'
import { createSpanRecorder } from '../../src/telemetry/span-recorder.ts'
import { remoteParent } from '../../src/telemetry/trace-context.ts'
import { startSpanCollector } from '../support/tracing.ts'

const NO_LIMITS: SpanLimits = { attributes: 128, events: 128, characters: Number.POSITIVE_INFINITY }
const RESOURCE = { 'service.name': 'tests', 'service.instance.id': '1' }

function setAll(span: RecordedSpan, values: SpanValues): void {
  for (const [key, value] of Object.entries(values)) span.setAttribute(key, value)
}

function createBatch() {
  return new SpanBatch(encodeSpanOrigin(RESOURCE, 'engine-router'))
}

/** Adds each span that ends to the batch. */
function createRecorder(batch: SpanBatch, limits = NO_LIMITS) {
  return createSpanRecorder({
    sampler: () => true,
    limits,
    randomFill: randomFillSync,
    onEnd: (span) => batch.add(span),
  })
}

/** What arrives of spans that all end at once. */
function send(record: (start: (traceparent?: string) => RecordedSpan) => void, limits = NO_LIMITS): ReceivedSpan[] {
  const batch = createBatch()
  const { start } = createRecorder(batch, limits)
  record((traceparent) =>
    start('GET /x', traceparent === undefined ? undefined : remoteParent(['traceparent', traceparent])),
  )
  return decodeSpans(batch.take())
}

const values = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 80 }).filter((key) => key !== '__proto__'),
  fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).map((value) => value + 0),
  ),
)

describe('a batch of spans', () => {
  test('holds each span as it was recorded', () => {
    const events = fc.array(fc.tuple(fc.string(), values), { maxLength: 3 })
    fc.assert(
      fc.property(fc.array(fc.tuple(values, events, fc.boolean()), { maxLength: 10 }), (list) => {
        const spans = send((start) => {
          for (const [attributes, happened, isFailed] of list) {
            const span = start()
            setAll(span, attributes as SpanValues)
            for (const [name, more] of happened) span.addEvent(name, more as SpanValues)
            if (isFailed) span.fail('busy')
            span.end()
          }
        })
        assert.deepEqual(
          spans.map(({ attributes, events, failed, resource }) => [
            attributes,
            events.map(({ name, attributes }) => [name, attributes]),
            failed,
            resource,
          ]),
          list.map(([attributes, happened, isFailed]) => [
            { ...attributes },
            happened.map(([n, a]) => [n, { ...a }]),
            isFailed,
            RESOURCE,
          ]),
        )
      }),
    )
  })

  test('is what the exporter of the SDK makes of the same span', async (t) => {
    const collector = await startSpanCollector(t)
    const provider = new BasicTracerProvider({
      resource: resourceFromAttributes(RESOURCE),
      spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url: `${collector.url}/v1/traces` }))],
    })
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const attributes = { a: 'b', n: 5, yes: true, part: 0.5, text: 'ü'.repeat(200) }

    const parent = trace.setSpanContext(context.active(), remoteParent(['traceparent', traceparent])!)
    const theirs = provider.getTracer('engine-router').startSpan('GET /x', { kind: SpanKind.SERVER }, parent)
    theirs.setAttributes(attributes).addEvent('retry', { attempt: 2 })
    theirs.setStatus({ code: SpanStatusCode.ERROR, message: 'busy' }).end()
    await provider.shutdown()
    const [ours] = send((start) => {
      const span = start(traceparent)
      setAll(span, attributes)
      span.addEvent('retry', { attempt: 2 })
      span.fail('busy')
      span.end()
    })
    const fixed = { spanId: '', startNs: 0n, endNs: 0n }
    const withoutTimes = (span: ReceivedSpan) => ({
      ...span,
      ...fixed,
      events: span.events.map((event) => ({ ...event, timeNs: 0n })),
    })
    assert.deepEqual(withoutTimes(ours!), withoutTimes(collector.spans[0]!))
  })

  test('ends no span before it began, and knows the age of one that is told late', () => {
    const before = BigInt(Date.now()) * 1_000_000n
    const batch = createBatch()
    const { start } = createRecorder(batch)
    start('late', undefined, 5000).end()
    const [late] = decodeSpans(batch.take())
    assert.ok(late!.startNs <= before - 4_000_000_000n && late!.endNs >= before)
  })

  test('keeps the limits: the first attributes, the last events, the beginning of long texts', () => {
    const [span] = send(
      (start) => {
        const span = start()
        for (const key of ['a', 'b', 'c']) span.setAttribute(key, 'long')
        span.setAttribute('a', 'longer')
        for (const name of ['first', 'second', 'third']) span.addEvent(name, {})
        span.end()
      },
      { attributes: 2, events: 2, characters: 3 },
    )
    assert.deepEqual(span!.attributes, { a: 'lon', b: 'lon' })
    assert.deepEqual(
      span!.events.map(({ name }) => name),
      ['second', 'third'],
    )
  })

  test('has shared attributes beside its own, within the same limits', () => {
    const shared = shareAttributes({ a: 'long', b: 'ü', c: 3 })
    const sent = (limits: SpanLimits) => {
      const [span] = send((start) => {
        const span = start()
        span.setShared(shared)
        span.setAttribute('d', 'own')
        span.end()
      }, limits)
      return span!.attributes
    }
    assert.deepEqual(sent(NO_LIMITS), { a: 'long', b: 'ü', c: 3, d: 'own' })
    assert.deepEqual(sent({ ...NO_LIMITS, characters: 2 }), { a: 'lo', b: 'ü', c: 3, d: 'ow' })
    assert.deepEqual(sent({ ...NO_LIMITS, attributes: 3 }), { a: 'long', b: 'ü', c: 3 })
    assert.deepEqual(sent({ ...NO_LIMITS, attributes: 2 }), { a: 'long', b: 'ü' })
  })

  test('is for use again once it is taken', () => {
    const batch = createBatch()
    const { start } = createRecorder(batch)
    for (const name of ['one', 'two']) {
      start(name, undefined).end()
      assert.equal(batch.size, 1)
      assert.deepEqual(
        decodeSpans(batch.take()).map((span) => span.name),
        [name],
      )
      assert.equal(batch.size, 0)
    }
  })
})
