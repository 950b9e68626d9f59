import type { ErrorCode } from '../exchange/errors.ts'
import type { HeaderList, MessageMeta } from '../exchange/exchange.ts'

/** The version of the protocol that this code speaks (docs/protocol.md). */
export const PROTOCOL_VERSION = 1

/** What a sequenced frame costs of the credit beside its payload. */
export const FRAME_OVERHEAD_BYTES = 64

/** An end takes at least this much payload in one frame, or its peer would have to cut what it sends to crumbs. */
export const LEAST_MAX_BYTES = 4096

/** Of an event's name or id: longer ones would be memory that no credit counts. */
export const MAX_META_CHARS = 400

/** The first message of an exchange, as a backend reads it. */
export interface OpenFrame {
  readonly type: 'open'
  readonly version: number
  /** The metadata and the client's headers, names in lower case. */
  readonly headers: HeaderList
  readonly payload: Uint8Array
  /** The body goes on after `accept`. */
  readonly more: boolean
  /** Milliseconds that the router waits for the first answer. */
  readonly deadlineMs: number
  /** Absolute bytes that the backend may send. */
  readonly credit: number
  /** Largest payload of one frame that the router takes. */
  readonly maxBytes: number
}

export interface AcceptFrame {
  readonly type: 'accept'
  readonly version: number
  readonly credit: number
  readonly maxBytes: number
}

export interface HeadFrame {
  readonly type: 'head'
  readonly seq: number
  readonly status: number
  readonly headers: HeaderList
  readonly payload: Uint8Array
  /** Nothing follows in this direction. */
  readonly end: boolean
  /** With a head that comes without an accept before it. */
  readonly credit: number | undefined
  readonly maxBytes: number | undefined
}

export interface DataFrame {
  readonly type: 'data'
  readonly seq: number
  readonly payload: Uint8Array
  readonly meta: MessageMeta | undefined
}

export interface EndFrame {
  readonly type: 'end'
  readonly seq: number
  /** Payload bytes of all frames of this direction. */
  readonly bytes: number
  readonly trailers: HeaderList
  /** Of a WebSocket. */
  readonly closeCode?: number | undefined
}

export interface ResetFrame {
  readonly type: 'reset'
  readonly code: ErrorCode
  /** HTTP status that the backend wants the client to see. */
  readonly status: number | undefined
  /** Client-safe. */
  readonly reason: string | undefined
}

export interface CreditFrame {
  readonly type: 'credit'
  readonly credit: number
}

export interface PingFrame {
  readonly type: 'ping' | 'pong'
  /** Of the last sequenced frame that the sender of this one has sent. */
  readonly seq: number
  readonly credit: number
  /** Payload bytes sent so far. */
  readonly bytes: number
}

/** What follows an OPEN, in either direction. */
export type Frame = AcceptFrame | HeadFrame | DataFrame | EndFrame | ResetFrame | CreditFrame | PingFrame
