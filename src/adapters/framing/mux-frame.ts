/**
 * The frames of a multiplexed connection: many exchanges over one WebSocket or TCP connection, as JSON (`sx.v1.json`,
 * NDJSON) or in binary (`sx.v1.bin`, `SX1\n`). docs/mux.md is their manual. Shared by the router and the client SDK, so
 * nothing here may need Node.
 */

/** A field given more than once has an array. */
export type MuxHeaders = Readonly<Record<string, string | readonly string[]>>

/** A string is text: of JSON, `body`; of binary, the flag 2. Bytes are `b64` in JSON. */
export type MuxBody = string | Uint8Array

export interface MuxOpen {
  readonly t: 'open'
  /** Positive, below 2^31, and above all that came before on this connection. */
  readonly id: number
  /** Default GET. */
  readonly method?: string | undefined
  /** With the query. */
  readonly path: string
  readonly headers?: MuxHeaders | undefined
  readonly body?: MuxBody | undefined
  /** The body goes on in `data` until `end`. */
  readonly more?: boolean | undefined
  /** Payload bytes that the router may send before it is granted more; absent: as many as the connection takes. */
  readonly credit?: number | undefined
  /** Milliseconds until the head must have come. */
  readonly deadline?: number | undefined
}

export interface MuxHead {
  readonly t: 'head'
  readonly id: number
  readonly status: number
  readonly headers?: MuxHeaders | undefined
  readonly body?: MuxBody | undefined
  /** Nothing follows. */
  readonly end?: boolean | undefined
}

export interface MuxData {
  readonly t: 'data'
  readonly id: number
  readonly body: MuxBody
  /** The same as an `end` after it. */
  readonly end?: boolean | undefined
  /** False: a part of a message, more of it follows. */
  readonly fin?: false | undefined
  /** Of a server-sent event. */
  readonly event?: string | undefined
  readonly eventId?: string | undefined
}

export interface MuxEnd {
  readonly t: 'end'
  readonly id: number
  /** WebSocket close code of a connection-like exchange. */
  readonly close?: number | undefined
}

export interface MuxReset {
  readonly t: 'reset'
  readonly id: number
  /** Of the one table of errors. */
  readonly code: string
  readonly status?: number | undefined
  readonly retryable?: boolean | undefined
  /** For people. */
  readonly detail?: string | undefined
}

export interface MuxCredit {
  readonly t: 'credit'
  readonly id: number
  /** Absolute: payload bytes that may have been sent since the exchange began, those in `open` or `head` included. */
  readonly to: number
}

export interface MuxPing {
  readonly t: 'ping' | 'pong'
}

export interface MuxGoaway {
  readonly t: 'goaway'
  /** Exchanges with a higher id were not processed. */
  readonly lastId: number
  /** Milliseconds until the connection is closed. */
  readonly grace: number
  /** Why, where it is the client's fault: of the table of errors. */
  readonly code?: string | undefined
  readonly detail?: string | undefined
}

/** Of the connection, not of one exchange. */
export interface MuxAuth {
  readonly t: 'auth'
  /** Of the client: its new credential, of what is open and of what is to come. */
  readonly token?: string | undefined
  /** Of the router, in answer: why it is not taken, of the table of errors. Absent: it is. */
  readonly code?: string | undefined
  readonly detail?: string | undefined
}

/** Payload bytes of one frame: longer bodies take several. */
export const MAX_BODY_BYTES = 64 * 1024

export type MuxFrame = MuxOpen | MuxHead | MuxData | MuxEnd | MuxReset | MuxCredit | MuxPing | MuxGoaway | MuxAuth

/** What is not a frame. The connection ends with it: where the next frame begins cannot be known. */
export class MuxFrameError extends Error {
  /** Of the table of errors. */
  readonly code: 'bad_request' | 'too_large'

  constructor(message: string, options: ErrorOptions & { readonly code?: 'too_large' } = {}) {
    super(message, options)
    this.name = 'MuxFrameError'
    this.code = options.code ?? 'bad_request'
  }
}
