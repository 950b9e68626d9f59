import type { BackendExchange } from './exchange.ts'
import type { ExchangeRequest } from './exchange-request.ts'

/** Handles one exchange. It ends when this returns, and is reset when it throws. */
export type ExchangeHandler = (x: BackendExchange) => void | Promise<void>

/** Hears of what a handler threw, with the request that it was for; undefined: the service itself failed. */
export type ReportError = (error: unknown, request: ExchangeRequest | undefined) => void

/** Runs the handler to its end; never rejects. */
export async function runHandler(x: BackendExchange, handler: ExchangeHandler, onError: ReportError): Promise<void> {
  try {
    await handler(x)
    x.end()
  } catch (error) {
    // After a reset it is most likely the reset that it threw.
    if (!x.signal.aborted) {
      onError(error, x.request)
      x.reset('backend_error')
    }
  } finally {
    x.incoming.discard()
  }
}
