import { ERRORS, type ExchangeError } from '../../exchange/errors.ts'

/** RFC 9457 body of an error: what a client may know, and the id under which the log has the rest. */
export function encodeProblem(error: ExchangeError, routeName: string | undefined, requestId: string): string {
  const problem = {
    type: 'about:blank',
    status: error.status,
    code: error.code,
    title: ERRORS[error.code].title,
    detail: error.detail,
    route: routeName ?? null,
    requestId,
  }
  return `${JSON.stringify(problem)}\n`
}

/** Seconds for `Retry-After`, or undefined if the error is not about load or absence. */
export function retryAfterSeconds(error: ExchangeError): number | undefined {
  if (error.retryAfterS !== undefined) return error.retryAfterS
  return error.status === 503 || ERRORS[error.code].retry === 'later' ? 1 : undefined
}
