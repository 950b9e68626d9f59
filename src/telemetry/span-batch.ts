import { ProtobufWriter } from './protobuf-writer.ts'
import type { RecordedSpan, SharedAttributes, SpanValue, SpanValues } from './recorded-span.ts'

const KIND_SERVER = 2
const STATUS_ERROR = 2
/** The flags of a span beside those of its trace: whether its parent is elsewhere is known; it is. */
const HAS_IS_REMOTE = 0x100
const IS_REMOTE = 0x200

/** Encoded once for all spans that have them. */
export function shareAttributes(values: SpanValues): SharedAttributes {
  const out = new ProtobufWriter()
  for (const key in values) writeAttribute(out, 9, key, values[key]!)
  return { values, count: Object.keys(values).length, encoded: out.take() }
}

/** What all spans of one process share, encoded once: what it says of itself, and who made the spans. */
export interface SpanOrigin {
  readonly resource: Uint8Array
  readonly scope: Uint8Array
}

export function encodeSpanOrigin(resource: SpanValues, scopeName: string): SpanOrigin {
  const own = new ProtobufWriter()
  const resourceStart = own.begin(1)
  for (const key in resource) writeAttribute(own, 1, key, resource[key]!)
  own.end(resourceStart)
  const whose = new ProtobufWriter()
  const scopeStart = whose.begin(1)
  whose.text(1, scopeName)
  whose.end(scopeStart)
  return { resource: own.take(), scope: whose.take() }
}

/**
 * Writes one span after the other, as it ends, into what becomes an `ExportTraceServiceRequest`; numbers of fields as in
 * opentelemetry-proto's trace.proto. Spans that wait as objects would cost more than all of this in garbage collection, and
 * so would a new buffer for each request: a batch is for use again and again.
 */
export class SpanBatch {
  readonly #out = new ProtobufWriter()
  readonly #request = new ProtobufWriter()
  readonly #origin: SpanOrigin
  #size = 0

  constructor(origin: SpanOrigin) {
    this.#origin = origin
  }

  /** Spans in it. */
  get size(): number {
    return this.#size
  }

  add(span: RecordedSpan): void {
    writeSpan(this.#out, span)
    this.#size++
  }

  /** The request that holds all of them, for as long as nothing is added; the batch is empty again. */
  take(): Uint8Array {
    const spans = this.#out.take()
    this.#size = 0
    const request = this.#request
    const resourceSpans = request.begin(1)
    request.raw(this.#origin.resource)
    const scopeSpans = request.begin(2)
    request.raw(this.#origin.scope)
    request.raw(spans)
    request.end(scopeSpans)
    request.end(resourceSpans)
    return request.take()
  }
}

function writeSpan(out: ProtobufWriter, span: RecordedSpan): void {
  const { traceId, spanId, traceFlags, traceState } = span.context
  const { parent, shared, keys, values, events } = span
  const start = out.begin(2)
  out.hex(1, traceId)
  out.hex(2, spanId)
  if (traceState !== undefined) out.text(3, traceState.serialize())
  if (parent !== undefined) out.hex(4, parent.spanId)
  out.text(5, span.name)
  out.varint(6, KIND_SERVER)
  out.nanoseconds(7, span.startEpochMs)
  out.nanoseconds(8, span.endEpochMs)
  if (shared !== undefined) out.raw(shared.encoded)
  for (let i = 0; i < keys.length; i++) writeAttribute(out, 9, keys[i]!, values[i]!)
  if (span.droppedAttributes > 0) out.varint(10, span.droppedAttributes)
  if (events !== undefined) {
    for (const event of events) {
      const eventStart = out.begin(11)
      out.nanoseconds(1, event.epochMs)
      out.text(2, event.name)
      for (const key in event.attributes) writeAttribute(out, 3, key, event.attributes[key]!)
      out.end(eventStart)
    }
  }
  if (span.droppedEvents > 0) out.varint(12, span.droppedEvents)
  if (span.isFailed) {
    const status = out.begin(15)
    if (span.failure !== '') out.text(2, span.failure)
    out.varint(3, STATUS_ERROR)
    out.end(status)
  }
  out.fixed32(16, traceFlags | HAS_IS_REMOTE | (parent?.isRemote === true ? IS_REMOTE : 0))
  out.end(start)
}

/** A `KeyValue` of common.proto. */
function writeAttribute(out: ProtobufWriter, field: number, key: string, value: SpanValue): void {
  if (typeof value === 'string' && out.shortPair(field, key, value)) return
  const pair = out.begin(field)
  out.text(1, key)
  const any = out.begin(2)
  if (typeof value === 'string') out.text(1, value)
  else if (typeof value === 'boolean') out.varint(2, Number(value))
  else if (Number.isSafeInteger(value) && value >= 0) out.varint(3, value)
  else out.double(4, value)
  out.end(any)
  out.end(pair)
}
