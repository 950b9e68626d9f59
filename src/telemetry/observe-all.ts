import type { ExchangeObserver } from '../exchange/observer.ts'

/** Tells one observer after the other. */
export function observeAll(first: ExchangeObserver, second: ExchangeObserver): ExchangeObserver {
  return {
    begun() {
      first.begun()
      second.begun()
    },
    ended(request, status, error, durationMs, bytesIn, bytesOut) {
      first.ended(request, status, error, durationMs, bytesIn, bytesOut)
      second.ended(request, status, error, durationMs, bytesIn, bytesOut)
    },
    refused(kind, error) {
      first.refused(kind, error)
      second.refused(kind, error)
    },
  }
}
