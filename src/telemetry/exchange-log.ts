import type { Logger as PinoLogger } from 'pino'
import type { ErrorCode, ExchangeError } from '../exchange/errors.ts'
import type { ExchangeObserver } from '../exchange/observer.ts'
import { LineLimit } from './line-limit.ts'

/** Of one code. Enough to see who and where; `/metrics` counts them all. */
const MAX_LINES_PER_SECOND = 10

/**
 * One line an exchange at debug; at warn if it failed on our side of the client (status 5xx) or a response was cut, at
 * error if it was our fault. An outage fails every request for the same reason: of one code a bounded number of lines a
 * second is written, and the next line says how many were left out. Neither headers nor the query are logged: both carry
 * credentials.
 */
export function createExchangeLog(logger: PinoLogger, now: () => number = () => performance.now()): ExchangeObserver {
  const limits = new Map<ErrorCode, LineLimit>()
  const limitOf = (code: ErrorCode) => {
    let limit = limits.get(code)
    if (limit === undefined) {
      limit = new LineLimit(MAX_LINES_PER_SECOND, now)
      limits.set(code, limit)
    }
    return limit
  }
  return {
    begun() {},
    refused() {},
    ended(request, status, error, durationMs, bytesIn, bytesOut) {
      const level = levelOf(error, status)
      if (!logger.isLevelEnabled(level)) return
      // Whoever asks for debug wants every line.
      const leftOut = error === undefined || logger.isLevelEnabled('debug') ? 0 : limitOf(error.code).take()
      if (leftOut === undefined) return
      const { requestId, method, path, remote, subject, trace } = request
      const ids = trace === undefined ? { requestId } : { requestId, traceId: trace.traceId, spanId: trace.spanId }
      const fields = { ...ids, route: request.route?.name, method, path, remote, subject, status, bytesIn, bytesOut }
      const code = error?.code ?? 'ok'
      const message = error === undefined ? 'exchange ended' : `exchange failed: ${error.message}`
      const shown = code === 'client_gone' ? 499 : status
      logger[level]({ ...fields, status: shown, code, durationMs: round(durationMs), ...more(error, leftOut) }, message)
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

function more(error: ExchangeError | undefined, leftOut: number): { err?: unknown; leftOut?: number } {
  return { ...(error?.cause === undefined ? {} : { err: error.cause }), ...(leftOut === 0 ? {} : { leftOut }) }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
