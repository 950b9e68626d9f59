import type { ExchangeError } from './errors.ts'
import type { RequestHead } from './exchange.ts'
import type { Kind } from './route.ts'

/** Hears of every exchange, once, when it is over. Called on the request path: must be quick and must not throw. */
export interface ExchangeObserver {
  begun(): void
  /**
   * @param status what the client was told; 0 if nothing was sent
   * @param error why it failed, undefined if it ended well
   */
  ended(
    request: RequestHead,
    status: number,
    error: ExchangeError | undefined,
    durationMs: number,
    bytesIn: number,
    bytesOut: number,
  ): void
  /** One was refused unread, in place of the two above. */
  refused(kind: Kind, error: ExchangeError): void
}
