import { createTraceState, type SpanContext } from '@opentelemetry/api'
import type { HeaderList } from '../exchange/exchange.ts'

/** https://www.w3.org/TR/trace-context/#traceparent-header; versions to come may add fields behind these. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]*)?$/
const NO_TRACE_ID = '0'.repeat(32)
const NO_SPAN_ID = '0'.repeat(16)
const SAMPLED = 1

/**
 * What the client says that its request is part of. Undefined, where a new trace begins, if it says nothing, or anything
 * but exactly one valid `traceparent`; a `tracestate` alone says nothing.
 */
export function remoteParent(headers: HeaderList): SpanContext | undefined {
  let traceparent: string | undefined
  let tracestate = ''
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === 'traceparent') {
      if (traceparent !== undefined) return undefined
      traceparent = headers[i + 1]!
    } else if (headers[i] === 'tracestate') {
      tracestate += tracestate === '' ? headers[i + 1]! : `,${headers[i + 1]!}`
    }
  }
  const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent)
  if (parent === undefined) return undefined
  // Drops what is no valid entry, and all of it beyond 512 characters.
  return tracestate === '' ? parent : { ...parent, traceState: createTraceState(tracestate) }
}

/** Of a span elsewhere; undefined if it is malformed. */
export function parseTraceparent(text: string): SpanContext | undefined {
  const match = TRACEPARENT.exec(text)
  if (match === null) return undefined
  const [, version, traceId, spanId, flags, rest] = match
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (traceId === NO_TRACE_ID || spanId === NO_SPAN_ID) return undefined
  // The other flags are not ours to pass on.
  return { traceId: traceId!, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16) & SAMPLED, isRemote: true }
}

export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-0${traceFlags & SAMPLED}`
}
