/** Where a connection stands among all of them, which its id says: in it, numbers only grow. */
export interface ConnectionPosition {
  /** Index of its TCP listener; undefined: it is a WebSocket. */
  readonly listener: number | undefined
  /** From 1. */
  readonly number: number
}

/** A connection of a client as an operator sees it, at the moment of asking. HTTP has none: its exchanges tell more. */
export interface ClientConnection {
  /** Unique in this process. */
  readonly id: string
  readonly kind: 'ws' | 'tcp'
  /** What runs over it: a route's `stream`, `rpc` or `raw`, many exchanges (`mux`), or nothing yet (`handshake`). */
  readonly protocol: 'stream' | 'rpc' | 'raw' | 'mux' | 'handshake'
  /** The client's address. */
  readonly remote: string
  /** Since the epoch. */
  readonly sinceMs: number
  /** Under way. */
  readonly exchanges: number
  /** From the client. */
  readonly bytesIn: number
  /** To the client. */
  readonly bytesOut: number
  /** Ends it now, and what is under way on it. */
  close(): void
}
