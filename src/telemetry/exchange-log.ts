import type { Logger as PinoLogger } from 'pino'
import type { ExchangeError } from '../exchange/errors.ts'
import type { ExchangeObserver } from '../exchange/observer.ts'

/**
 * One line an exchange at debug; at warn if it failed on our side of the client (status 5xx) or a response was cut, at
 * error if it was our fault. Neither headers nor the query are logged: both carry credentials.
 */
export function createExchangeLog(logger: PinoLogger): ExchangeObserver {
  return {
    begun() {},
    ended(request, status, error, durationMs, bytesIn, bytesOut) {
      const level = levelOf(error, status)
      if (!logger.isLevelEnabled(level)) return
      const { requestId, method, path, remote, subject, trace } = request
      const ids = trace === undefined ? { requestId } : { requestId, traceId: trace.traceId, spanId: trace.spanId }
      const fields = { ...ids, route: request.route?.name, method, path, remote, subject, status, bytesIn, bytesOut }
      const code = error?.code ?? 'ok'
      const message = error === undefined ? 'exchange ended' : `exchange failed: ${error.message}`
      const shown = code === 'client_gone' ? 499 : status
      logger[level]({ ...fields, status: shown, code, durationMs: round(durationMs), ...causeOf(error) }, message)
    },
  }
}

function levelOf(error: ExchangeError | undefined, status: number): 'debug' | 'warn' | 'error' {
  if (error === undefined || error.code === 'client_gone') return 'debug'
  // Cut: the client had been told that all was well.
  const isCut = status > 0 && status < 400
  if (error.status < 500 && !isCut) return 'debug'
  return error.code === 'internal' ? 'error' : 'warn'
}

function causeOf(error: ExchangeError | undefined): { err?: unknown } {
  return error?.cause === undefined ? {} : { err: error.cause }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
