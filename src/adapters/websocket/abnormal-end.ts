import { ExchangeError } from '../../exchange/errors.ts'

/** Why a connection ended without a close frame, in uWebSockets' words, as an error of ours for the log. */
export function abnormalEnd(reason: string): ExchangeError {
  if (reason.includes('too big')) return new ExchangeError('too_large', reason)
  if (reason.includes('invalid')) return new ExchangeError('bad_request', reason)
  return new ExchangeError('client_gone', reason === '' ? 'the connection broke' : reason)
}
