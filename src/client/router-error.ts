export interface RouterErrorOptions {
  readonly status?: number | undefined
  readonly retryable?: boolean | undefined
  readonly cause?: unknown
}

/**
 * How a request fails. `code` is of the router's table of errors, or one of the client's own: `not_connected` no
 * connection within the time, `queue_full` too many requests wait for one, `connection_lost` it ended under way and nobody
 * knows how far the request came, `closed` by `client.close()`.
 */
export class RouterError extends Error {
  readonly code: string
  /** HTTP status of the code; 0 if it has none. */
  readonly status: number
  /** The request was not processed: to send it again is safe, whatever its method. */
  readonly retryable: boolean

  constructor(code: string, message: string, options: RouterErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'RouterError'
    this.code = code
    this.status = options.status ?? 0
    this.retryable = options.retryable ?? false
  }
}
