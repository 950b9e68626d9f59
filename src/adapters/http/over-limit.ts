import { ExchangeError } from '../../exchange/errors.ts'
import type { HttpRequestHead } from './request-head.ts'

export interface HeadLimits {
  readonly maxHeaderBytes: number
  readonly maxUriBytes: number
}

/** The error of a request whose head is larger than it may be. */
export function overLimit(request: HttpRequestHead, limits: HeadLimits): ExchangeError | undefined {
  if (request.path.length + request.query.length > limits.maxUriBytes) {
    return new ExchangeError('uri_too_long', `more than ${limits.maxUriBytes} bytes of URI`)
  }
  if (request.headerBytes > limits.maxHeaderBytes) {
    return new ExchangeError('headers_too_large', `more than ${limits.maxHeaderBytes} bytes of header fields`)
  }
  return undefined
}
