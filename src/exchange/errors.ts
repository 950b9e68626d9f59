/** The one table of errors that clients see. Adapters translate a code, they never invent one. */

/** When a client may send the same request again: always, after a pause, only when the method is idempotent, or not. */
export type RetrySafety = 'yes' | 'later' | 'if-idempotent' | 'no'

export interface ErrorEntry {
  /** HTTP status before the response head is out. After it the socket is destroyed. */
  readonly status: number
  /** WebSocket close code. */
  readonly close: number
  /** A short, client-safe sentence. */
  readonly title: string
  readonly retry: RetrySafety
}

function entry(status: number, close: number, retry: RetrySafety, title: string): ErrorEntry {
  return { status, close, retry, title }
}

export const ERRORS = {
  no_route: entry(404, 4404, 'no', 'No route matches this request'),
  method_not_allowed: entry(405, 4404, 'no', 'The route does not take this method'),
  bad_request: entry(400, 4400, 'no', 'The request is malformed'),
  subject_invalid: entry(400, 4400, 'no', 'A value of the request cannot be part of a subject'),
  unknown_workspace: entry(404, 4404, 'no', 'There is no such workspace'),
  unauthorized: entry(401, 4401, 'no', 'Authentication is required'),
  forbidden: entry(403, 4403, 'no', 'The request is not allowed'),
  too_large: entry(413, 1009, 'no', 'The content is too large'),
  headers_too_large: entry(431, 1009, 'no', 'The header fields are too large'),
  uri_too_long: entry(414, 1009, 'no', 'The URI is too long'),
  rate_limited: entry(429, 4429, 'later', 'Too many requests'),
  no_responders: entry(503, 4503, 'yes', 'No backend is listening'),
  busy: entry(503, 4503, 'yes', 'The service is busy'),
  draining: entry(503, 1012, 'yes', 'The service is restarting'),
  nats_unavailable: entry(503, 4503, 'yes', 'The messaging system is not reachable'),
  timeout: entry(504, 4504, 'if-idempotent', 'The backend did not answer in time'),
  gap: entry(502, 4502, 'no', 'Part of the stream was lost'),
  backend_lost: entry(502, 4502, 'no', 'The backend went away'),
  protocol_error: entry(502, 4502, 'no', 'The backend broke the protocol'),
  backend_error: entry(502, 4502, 'no', 'The backend failed'),
  client_gone: entry(499, 1000, 'no', 'The client went away'),
  internal: entry(500, 1011, 'no', 'Internal error'),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

export interface ExchangeErrorOptions {
  /** Client-safe; goes into the reply. */
  readonly detail?: string
  /** For the log only. */
  readonly cause?: unknown
  /** `Retry-After`, in seconds. */
  readonly retryAfterS?: number
  /** `Allow`, for `method_not_allowed`. */
  readonly allow?: readonly string[]
  /** HTTP status, where the backend chose another than the table's. */
  readonly status?: number
  /** A policy has failed: the backend has no part in it. */
  readonly isOfPolicy?: boolean
}

/** How an exchange fails. `message` is for the log and may name subjects; only `detail` reaches the client. */
export class ExchangeError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly retryAfterS: number | undefined
  readonly allow: readonly string[] | undefined
  readonly status: number
  readonly isOfPolicy: boolean

  constructor(code: ErrorCode, message: string, options: ExchangeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ExchangeError'
    this.code = code
    this.detail = options.detail
    this.retryAfterS = options.retryAfterS
    this.allow = options.allow
    this.status = options.status ?? ERRORS[code].status
    this.isOfPolicy = options.isOfPolicy ?? false
  }
}
