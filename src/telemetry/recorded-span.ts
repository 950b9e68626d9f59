import type { SpanContext } from '@opentelemetry/api'

/** What spans of ours tell. */
export type SpanValue = string | number | boolean
export type SpanValues = Readonly<Record<string, SpanValue>>

/** Attributes of many spans. */
export interface SharedAttributes {
  readonly values: SpanValues
  readonly count: number
  /** As fields of a span. */
  readonly encoded: Uint8Array
}

/** What one span may hold: attributes beyond it are not kept, and of events the last ones are. */
export interface SpanLimits {
  readonly attributes: number
  readonly events: number
  /** Of the text of an attribute; longer ones are cut. */
  readonly characters: number
}

export interface RecordedEvent {
  readonly name: string
  readonly epochMs: number
  readonly attributes: SpanValues
}

/** A server's span of OpenTelemetry: what its encoding needs, in the lists that it is encoded from, and no more. */
export class RecordedSpan {
  readonly name: string
  readonly context: SpanContext
  /** Undefined: the trace begins here. */
  readonly parent: SpanContext | undefined
  /** False: nothing of it is kept, but it has an identity to pass on. */
  readonly isRecording: boolean
  readonly startEpochMs: number
  /** 0: it is under way. */
  endEpochMs = 0
  /** None of `keys` is among them. */
  shared: SharedAttributes | undefined
  readonly keys: string[] = []
  /** That of each key at its place. */
  readonly values: SpanValue[] = []
  droppedAttributes = 0
  /** Undefined: none, as of most. */
  events: RecordedEvent[] | undefined
  droppedEvents = 0
  isFailed = false
  failure = ''
  readonly #beganMs: number
  readonly #limits: SpanLimits
  readonly #onEnd: (span: RecordedSpan) => void

  /** @param ageMs for how long it has been under way already */
  constructor(
    name: string,
    context: SpanContext,
    parent: SpanContext | undefined,
    ageMs: number,
    limits: SpanLimits,
    onEnd: (span: RecordedSpan) => void,
  ) {
    this.name = name
    this.context = context
    this.parent = parent
    this.isRecording = context.traceFlags !== 0
    this.startEpochMs = Date.now() - ageMs
    this.#beganMs = performance.now() - ageMs
    this.#limits = limits
    this.#onEnd = onEnd
  }

  setAttribute(key: string, value: SpanValue): void {
    const { keys, values } = this
    const known = keys.indexOf(key)
    if (known >= 0) values[known] = this.#cut(value)
    else if (keys.length + (this.shared?.count ?? 0) >= this.#limits.attributes) this.droppedAttributes++
    else {
      keys.push(key)
      values.push(this.#cut(value))
    }
  }

  /** Goes before other attributes, whose keys are others. */
  setShared(attributes: SharedAttributes): void {
    const { attributes: most, characters } = this.#limits
    if (attributes.count <= most && characters === Number.POSITIVE_INFINITY) this.shared = attributes
    else for (const key in attributes.values) this.setAttribute(key, attributes.values[key]!)
  }

  addEvent(name: string, attributes: SpanValues): void {
    this.events ??= []
    if (this.events.push({ name, epochMs: this.#nowEpochMs(), attributes }) <= this.#limits.events) return
    this.events.shift()
    this.droppedEvents++
  }

  /** @param failure empty: nothing to tell of it */
  fail(failure: string): void {
    this.isFailed = true
    this.failure = failure
  }

  /** Once. */
  end(): void {
    if (!this.isRecording) return
    this.endEpochMs = this.#nowEpochMs()
    this.#onEnd(this)
  }

  #cut(value: SpanValue): SpanValue {
    const { characters } = this.#limits
    return typeof value === 'string' && value.length > characters ? value.slice(0, characters) : value
  }

  /** Of the wall clock at the start, and of one that never goes back from there. */
  #nowEpochMs(): number {
    return this.startEpochMs + performance.now() - this.#beganMs
  }
}
