import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { startOtlpReceiver } from '../../src/telemetry/otlp-receiver.ts'
import { decodeSpans } from '../../src/telemetry/otlp-spans.ts'

/** Written by hand after opentelemetry-proto: one span `s` with the attributes a = 'b' and n = -2, failed. */
const REQUEST = Buffer.from(
  [
    '0a43', // resource_spans
    '1241', // scope_spans
    '123f', // spans
    '0a02abcd', // trace_id
    '1202ef01', // span_id
    '2a0173', // name
    '3002', // kind: server
    '390100000000000000', // start_time_unix_nano
    '410300000000000000', // end_time_unix_nano
    '4a080a016112030a0162', // attributes: a
    '4a100a016e120b18feffffffffffffffff01', // attributes: n
    '7a021802', // status: error
  ].join(''),
  'hex',
)

function post(url: string, body: Buffer | string, headers: Record<string, string> = {}) {
  return fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/x-protobuf', ...headers } })
}

describe('the OTLP receiver', () => {
  test('decodes protobuf, plain and packed', async (t) => {
    const names: string[] = []
    const receiver = await startOtlpReceiver({
      host: '127.0.0.1',
      port: 0,
      onRequest: (request) => names.push(...decodeSpans(request).map(({ name }) => name)),
    })
    t.after(() => receiver.close())
    const url = `http://127.0.0.1:${receiver.port}/v1/traces`
    assert.equal((await post(url, REQUEST)).status, 200)
    assert.equal((await post(url, gzipSync(REQUEST), { 'content-encoding': 'gzip' })).status, 200)
    assert.deepEqual(names, ['s', 's'])

    assert.equal((await post(url, REQUEST.subarray(1))).status, 400)
    assert.equal((await post(url, 'no gzip', { 'content-encoding': 'gzip' })).status, 400)
    assert.equal((await post(url, '{}', { 'content-type': 'application/json' })).status, 415)
    assert.equal((await post(url, gzipSync(Buffer.alloc(9 << 20)), { 'content-encoding': 'gzip' })).status, 400)
    assert.equal((await post(url, Buffer.alloc(9 << 20))).status, 413)
    assert.equal((await fetch(url)).status, 404)
    assert.equal(names.length, 2)
  })

  test('reads each field of a span', () => {
    assert.deepEqual(decodeSpans(REQUEST), [
      {
        traceId: 'abcd',
        spanId: 'ef01',
        parentSpanId: '',
        traceState: '',
        name: 's',
        kind: 'server',
        startNs: 1n,
        endNs: 3n,
        attributes: { a: 'b', n: -2 },
        events: [],
        failed: true,
        resource: {},
      },
    ])
  })

  test('throws RangeError, and nothing else, on what is no request', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      // One that is right but for a few bytes.
      fc.array(fc.tuple(fc.nat(REQUEST.length - 1), fc.nat(255)), { maxLength: 4 }).map((edits) => {
        const copy = Buffer.from(REQUEST)
        for (const [at, byte] of edits) copy[at] = byte
        return copy
      }),
    )
    fc.assert(
      fc.property(bytes, (request) => {
        try {
          decodeSpans(request)
        } catch (error) {
          assert.ok(error instanceof RangeError)
        }
      }),
    )
  })
})
