/**
 * Limits that clients run into beside those that are an error of one exchange alone, which is counted by its code (`too_large`,
 * `uri_too_long`, `headers_too_large`).
 */
export const LIMITS = [
  'connections',
  'connections_per_ip',
  'unfinished_head',
  'handshake',
  'slow_body',
  'slow_reader',
  'silent',
  'idle',
  'messages_per_second',
  'bytes_per_second',
  'streams',
  'message_bytes',
  'buffered_bytes',
  'buffered_bytes_per_ip',
  'buffered_bytes_per_connection',
] as const

export type Limit = (typeof LIMITS)[number]

/** Hears of clients that go over a limit. Must be quick and must not throw: it is they who choose how often it is called. */
export interface LimitObserver {
  /** @param remote the client's address; empty: not known */
  onLimit(limit: Limit, remote: string): void
}

/** For those who ask nothing. */
export const DEAF_LIMIT_OBSERVER: LimitObserver = { onLimit() {} }
