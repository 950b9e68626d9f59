import type { ExchangeError } from '../exchange/errors.ts'
import type { RequestHead } from '../exchange/exchange.ts'
import type { ExchangeTrace } from '../exchange/trace.ts'
import type { RecordedSpan, SharedAttributes } from './recorded-span.ts'
import { formatTraceparent } from './trace-context.ts'

/** The span of one exchange. One that is not sampled records nothing, but still has an identity to pass on. */
export class ExchangeSpan implements ExchangeTrace {
  readonly traceId: string
  readonly spanId: string
  readonly traceparent: string
  readonly tracestate: string
  readonly isRecording: boolean
  /** Counted by the traced sides. */
  chunksIn = 0
  chunksOut = 0
  readonly #span: RecordedSpan
  /** A raw TCP connection has neither method nor path nor status. */
  #isHttp = false

  constructor(span: RecordedSpan) {
    const { context } = span
    this.#span = span
    this.traceId = context.traceId
    this.spanId = context.spanId
    this.traceparent = formatTraceparent(context)
    this.tracestate = context.traceState?.serialize() ?? ''
    this.isRecording = span.isRecording
  }

  /** @param ofRoute what is the same for every request on its route */
  describe(request: RequestHead, ofRoute: SharedAttributes | undefined): void {
    const { kind, subject, host, method } = request
    const span = this.#span
    if (ofRoute !== undefined) span.setShared(ofRoute)
    span.setAttribute('engine_router.request_id', request.requestId)
    span.setAttribute('client.address', request.remote)
    if (host !== '') span.setAttribute('server.address', host)
    if (kind !== 'http') span.setAttribute('engine_router.kind', kind)
    if (subject !== '') span.setAttribute('messaging.destination.name', subject)
    this.#isHttp = method !== ''
    if (!this.#isHttp) return
    // The query is left out, as in the log: it carries credentials.
    span.setAttribute('url.path', request.path)
    if (isKnownMethod(method)) span.setAttribute('http.request.method', method)
    else {
      span.setAttribute('http.request.method', '_OTHER')
      span.setAttribute('http.request.method_original', method)
    }
  }

  onBackend(instance: string): void {
    if (this.isRecording) this.#span.setAttribute('engine_router.backend.instance', instance)
  }

  onEvent(name: string, attributes: Readonly<Record<string, string | number>>): void {
    if (this.isRecording) this.#span.addEvent(name, attributes)
  }

  onEnded(status: number, error: ExchangeError | undefined, bytesIn: number, bytesOut: number): void {
    if (!this.isRecording) return
    const span = this.#span
    if (status > 0 && this.#isHttp) span.setAttribute('http.response.status_code', status)
    // What is not there is not told: each attribute costs, here and in the collector.
    if (bytesIn > 0) span.setAttribute('engine_router.request.bytes', bytesIn)
    if (this.chunksIn > 0) span.setAttribute('engine_router.request.chunks', this.chunksIn)
    if (bytesOut > 0) span.setAttribute('engine_router.response.bytes', bytesOut)
    if (this.chunksOut > 0) span.setAttribute('engine_router.response.chunks', this.chunksOut)
    if (error !== undefined) span.setAttribute('error.type', error.code)
    else if (status >= 500) span.setAttribute('error.type', String(status))
    // Nothing but the code: messages name subjects, and what a client wrote.
    if (isFault(status, error)) span.fail(error?.code ?? '')
    span.end()
  }
}

/** Those of the semantic conventions: any other would let a client make names of spans. */
const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'QUERY',
  'TRACE',
  'CONNECT',
])

export function isKnownMethod(method: string): boolean {
  return METHODS.has(method)
}

/** Whether a server's span counts as failed: not for what the client got wrong, nor when it left. */
function isFault(status: number, error: ExchangeError | undefined): boolean {
  if (error === undefined) return status >= 500
  if (error.code === 'client_gone') return false
  // Cut: the client had been told that all was well.
  const isCut = status > 0 && status < 400
  return error.status >= 500 || isCut
}
