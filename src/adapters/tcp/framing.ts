import type { MessageMeta } from '../../exchange/exchange.ts'

/**
 * How the bytes of one raw connection are messages, both ways. `push` is called only when `take` has given all that
 * the last chunk had; what `take` gives is valid until then.
 */
export interface Framing {
  push(chunk: Uint8Array): void
  /** The next message, or part of one; undefined: that takes more bytes. Throws ExchangeError: none can follow. */
  take(): Uint8Array | undefined
  /** Of what `take` or `finish` gave last. */
  readonly meta: MessageMeta | undefined
  /** The client has sent all: what is left over as a message. Throws ExchangeError if it is a piece of one. */
  finish(): Uint8Array | undefined
  /** What goes to the client, always a copy; undefined: the rest of the message must come first. Throws ExchangeError. */
  encode(chunk: Uint8Array, meta: MessageMeta | undefined): Uint8Array | undefined
}
