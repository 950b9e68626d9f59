import { ERRORS, type ExchangeError } from '../../exchange/errors.ts'
import type { HeaderList } from '../../exchange/exchange.ts'
import { withPolicyFields } from '../response-fields.ts'

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

/** Its header fields: no cache keeps it, and no browser takes it for anything else. */
export function problemFields(
  error: ExchangeError,
  requestId: string,
  fromPolicies: HeaderList | undefined,
): HeaderList {
  const fields = ['content-type', 'application/problem+json', 'x-request-id', requestId]
  fields.push('cache-control', 'no-store', 'x-content-type-options', 'nosniff')
  const retryAfterS = retryAfterSeconds(error)
  if (retryAfterS !== undefined) fields.push('retry-after', String(retryAfterS))
  if (error.allow !== undefined) fields.push('allow', error.allow.join(', '))
  return withPolicyFields(fields, fromPolicies)
}

/** Seconds for `Retry-After`, or undefined if the error is not about load or absence. */
export function retryAfterSeconds(error: ExchangeError): number | undefined {
  if (error.retryAfterS !== undefined) return error.retryAfterS
  return error.status === 503 || ERRORS[error.code].retry === 'later' ? 1 : undefined
}
