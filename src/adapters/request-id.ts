const SANE_REQUEST_ID = /^[A-Za-z0-9._~:+/=@-]{1,128}$/

/** A client's own request id is taken if it cannot do harm in a log or a header. */
export function isSaneRequestId(value: string): boolean {
  return SANE_REQUEST_ID.test(value)
}
