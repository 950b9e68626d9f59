import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { renderTrace } from '../../src/cli/trace-tree.ts'
import type { ReceivedSpan } from '../../src/telemetry/otlp-spans.ts'

function span(spanId: string, parentSpanId: string, more: Partial<ReceivedSpan> = {}): ReceivedSpan {
  return {
    traceId: 't',
    spanId,
    parentSpanId,
    traceState: '',
    name: `span ${spanId}`,
    kind: 'server',
    startNs: 1_000_000n,
    endNs: 3_500_000n,
    attributes: {},
    events: [],
    failed: false,
    resource: { 'service.name': 'service' },
    ...more,
  }
}

const plain = (_style: string, text: string) => text

describe('a trace as text', () => {
  test('has each span below its parent in the order of their begin, with events and outcome', () => {
    const lines = renderTrace(
      span('a', ''),
      [
        span('d', 'a', { startNs: 3_000_000n }),
        span('c', 'b', { attributes: { 'http.response.status_code': 500, 'error.type': '500' } }),
        span('b', 'a', {
          startNs: 2_000_000n,
          attributes: { 'http.response.status_code': 503, 'error.type': 'no_responders' },
          events: [{ name: 'retry', timeNs: 2_250_000n, attributes: { attempt: 2 } }],
        }),
      ],
      plain,
    )
    assert.deepEqual(lines, [
      'span a                 service  +0.0 ms  2.5 ms',
      '├─ span b              service  +1.0 ms  1.5 ms  503 no_responders',
      '│  │  retry attempt=2           +1.3 ms',
      '│  └─ span c           service  +0.0 ms  2.5 ms  500',
      '└─ span d              service  +2.0 ms  0.5 ms',
    ])
  })

  test('paints what failed', () => {
    const [first, second] = renderTrace(
      span('a', ''),
      [span('b', 'a', { failed: true })],
      (style, text) => `${style}:${text}`,
    )
    assert.match(first!, /^span a/)
    assert.match(second!, /^red:└─ span b/)
  })

  test('ends where ids lead round in a circle, and lets no name steer the terminal', () => {
    const lines = renderTrace(
      span('a', ''),
      [span('b', 'a'), span('a', 'b', { name: 'again' }), span('c', 'c'), span('x', 'b', { name: '\x1b[2Jx\u009b1m' })],
      plain,
    )
    assert.deepEqual(
      lines.map((line) => line.split('  service')[0]!.trim()),
      ['span a', '└─ span b', '├─ again', '└─ ?[2Jx?1m'],
    )
  })
})
