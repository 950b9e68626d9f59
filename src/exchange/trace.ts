import type { ExchangeError } from './errors.ts'

/** What tracing keeps of one exchange, for those who carry it on or have something to add. */
export interface ExchangeTrace {
  /** As in logs: 32 and 16 characters of hex. */
  readonly traceId: string
  readonly spanId: string
  /** W3C Trace Context, which goes to the backend in place of what the client sent. */
  readonly traceparent: string
  /** Empty: none. */
  readonly tracestate: string
  /** Which of the backends took the exchange. */
  onBackend(instance: string): void
  /** Something on the way to a backend that the end alone does not tell. */
  onEvent(name: string, attributes: Readonly<Record<string, string | number>>): void
  /** The exchange is over: as `ExchangeObserver.ended`. */
  onEnded(status: number, error: ExchangeError | undefined, bytesIn: number, bytesOut: number): void
}
