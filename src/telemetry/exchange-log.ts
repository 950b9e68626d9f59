import type { Logger as PinoLogger } from 'pino'
import type { ExchangeError } from '../exchange/errors.ts'
import type { ExchangeObserver } from '../exchange/observer.ts'

/**
 * One line an exchange at debug; one at warn for a failure on our side of the client (status 5xx), at error for our
 * own. Neither headers nor the query are logged: both carry credentials.
 */
export function createExchangeLog(logger: PinoLogger): ExchangeObserver {
  return {
    begun() {},
    ended(request, status, error, durationMs, bytesIn, bytesOut) {
      const level = levelOf(error)
      if (!logger.isLevelEnabled(level)) return
      const { requestId, method, path, remote, subject } = request
      const fields = { requestId, route: request.route?.name, method, path, remote, subject, status, bytesIn, bytesOut }
      const code = error?.code ?? 'ok'
      const message = error === undefined ? 'exchange ended' : `exchange failed: ${error.message}`
      const shown = code === 'client_gone' ? 499 : status
      logger[level]({ ...fields, status: shown, code, durationMs: round(durationMs), ...causeOf(error) }, message)
    },
  }
}

function levelOf(error: ExchangeError | undefined): 'debug' | 'warn' | 'error' {
  if (error === undefined || error.status < 500) return 'debug'
  return error.code === 'internal' ? 'error' : 'warn'
}

function causeOf(error: ExchangeError | undefined): { err?: unknown } {
  return error?.cause === undefined ? {} : { err: error.cause }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
