import { decodeFields, type Field } from './protobuf.ts'

/** A span as it came over OTLP. Ids in hex; of attributes, those with a plain value. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty: none. */
  readonly parentSpanId: string
  readonly traceState: string
  readonly name: string
  readonly kind: 'unspecified' | 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  /** Since the epoch. */
  readonly startNs: bigint
  readonly endNs: bigint
  readonly attributes: SpanAttributes
  readonly events: readonly SpanEvent[]
  readonly failed: boolean
  /** What its program says of itself. */
  readonly resource: SpanAttributes
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

export interface SpanEvent {
  readonly name: string
  readonly timeNs: bigint
  readonly attributes: SpanAttributes
}

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const
const STATUS_ERROR = 2n

/**
 * The spans of an `ExportTraceServiceRequest`, numbers of fields as in opentelemetry-proto's trace.proto. Throws
 * RangeError if it is none.
 */
export function decodeSpans(request: Uint8Array): ReceivedSpan[] {
  return messages(decodeFields(request), 1).flatMap((resourceSpans) => {
    const resource = attributesIn(messages(resourceSpans, 1)[0] ?? [], 1)
    return messages(resourceSpans, 2)
      .flatMap((scopeSpans) => messages(scopeSpans, 2))
      .map((span) => decodeSpan(span, resource))
  })
}

/** What a collector says of a request in its `ExportTraceServiceResponse`: nothing, if it has taken all of it. */
export function decodeExportResponse(response: Uint8Array): { partialSuccess?: object } {
  const [partial = []] = messages(decodeFields(response), 1)
  const rejected = Number(number(partial, 1))
  const message = text(partial, 2)
  return rejected === 0 && message === '' ? {} : { partialSuccess: { rejectedSpans: rejected, errorMessage: message } }
}

function decodeSpan(fields: readonly Field[], resource: SpanAttributes): ReceivedSpan {
  const status = messages(fields, 15)[0] ?? []
  return {
    traceId: hex(fields, 1),
    spanId: hex(fields, 2),
    parentSpanId: hex(fields, 4),
    traceState: text(fields, 3),
    name: text(fields, 5),
    kind: KINDS[Number(number(fields, 6))] ?? 'unspecified',
    startNs: number(fields, 7),
    endNs: number(fields, 8),
    attributes: attributesIn(fields, 9),
    events: messages(fields, 11).map((event) => ({
      name: text(event, 2),
      timeNs: number(event, 1),
      attributes: attributesIn(event, 3),
    })),
    failed: number(status, 3) === STATUS_ERROR,
    resource,
  }
}

/** Keys and values, as `common.proto` has them. */
function attributesIn(fields: readonly Field[], field: number): SpanAttributes {
  const entries = messages(fields, field).flatMap((pair) => {
    const value = plainValue(messages(pair, 2)[0] ?? [])
    return value === undefined ? [] : [[text(pair, 1), value] as const]
  })
  return Object.fromEntries(entries)
}

function plainValue(anyValue: readonly Field[]): string | number | boolean | undefined {
  const [field] = anyValue
  if (field === undefined) return undefined
  switch (field.number) {
    case 1:
      return text(anyValue, 1)
    case 2:
      return field.value === 1n
    case 3:
      return Number(BigInt.asIntN(64, number(anyValue, 3)))
    case 4:
      return new Float64Array(BigUint64Array.of(number(anyValue, 4)).buffer)[0]
    default:
      return undefined
  }
}

function messages(fields: readonly Field[], field: number): Field[][] {
  return fields.flatMap(({ number, value }) => (number === field ? [decodeFields(bytesOf(value))] : []))
}

function text(fields: readonly Field[], field: number): string {
  return Buffer.from(bytes(fields, field)).toString()
}

function hex(fields: readonly Field[], field: number): string {
  return Buffer.from(bytes(fields, field)).toString('hex')
}

function bytes(fields: readonly Field[], field: number): Uint8Array {
  const found = fields.find(({ number }) => number === field)
  return found === undefined ? new Uint8Array(0) : bytesOf(found.value)
}

function bytesOf(value: Field['value']): Uint8Array {
  if (typeof value === 'bigint') throw new RangeError('a number where a message should be')
  return value
}

function number(fields: readonly Field[], field: number): bigint {
  const value = fields.find(({ number }) => number === field)?.value ?? 0n
  if (typeof value !== 'bigint') throw new RangeError('bytes where a number should be')
  return value
}
