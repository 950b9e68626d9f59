import { type SpanContext, TraceFlags } from '@opentelemetry/api'
import type { RandomFill } from '../exchange/id-source.ts'
import { RecordedSpan, type SpanLimits } from './recorded-span.ts'
import type { Sampler } from './sampler.ts'

const SPAN_ID_BYTES = 8
const TRACE_ID_BYTES = 16
const POOL_BYTES = 4096

/** Begins spans. */
export interface SpanRecorder {
  /**
   * @param parent undefined: a new trace
   * @param ageMs for how long it has been under way already; default 0
   */
  start(name: string, parent: SpanContext | undefined, ageMs?: number): RecordedSpan
}

export interface SpanRecorderOptions {
  readonly sampler: Sampler
  readonly limits: SpanLimits
  readonly randomFill: RandomFill
  /** Hears of each recorded span once it is over. Called on the request path. */
  readonly onEnd: (span: RecordedSpan) => void
}

export function createSpanRecorder({ sampler, limits, randomFill, onEnd }: SpanRecorderOptions): SpanRecorder {
  const pool = Buffer.alloc(POOL_BYTES)
  let offset = POOL_BYTES
  const makeId = (bytes: number) => {
    if (offset + bytes > POOL_BYTES) {
      randomFill(pool)
      offset = 0
    }
    offset += bytes
    return pool.toString('hex', offset - bytes, offset)
  }
  return {
    start(name, parent, ageMs = 0) {
      const traceId = parent?.traceId ?? makeId(TRACE_ID_BYTES)
      const traceFlags = sampler(traceId, parent) ? TraceFlags.SAMPLED : TraceFlags.NONE
      const context: SpanContext = { traceId, spanId: makeId(SPAN_ID_BYTES), traceFlags }
      if (parent?.traceState !== undefined) context.traceState = parent.traceState
      return new RecordedSpan(name, context, parent, ageMs, limits, onEnd)
    },
  }
}
