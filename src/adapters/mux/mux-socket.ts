import type { ClientCertificate } from '../../exchange/client-certificate.ts'
import type { HeaderList } from '../../exchange/exchange.ts'

/** How the frames of a connection are written down; see docs/mux.md. */
export type MuxEncoding = 'json' | 'binary'

/** An adapter's `send` should say that it is full as soon as this much waits in the process to be sent. */
export const MUX_HIGH_WATER_BYTES = 64 * 1024

/**
 * What a session needs of a connection; the adapter implements it. All methods may be called from within the session's
 * own events. After `close`, or once the session was told `onClosed`, none is called any more.
 */
export interface MuxSocket {
  /**
   * Sends one frame, and takes it in any case: text of JSON without a line end, or the bytes of a binary one. False: the
   * connection is full (`MUX_HIGH_WATER_BYTES`), and `onWritable` will come. Low, since what waits in the connection
   * delays every exchange on it, while what waits in the session goes out by turns.
   */
  send(frame: string | Uint8Array): boolean
  /** Runs `work` before it returns; what that sends leaves in as few writes as can be. */
  cork(work: () => void): void
  /** Graceful: what was sent goes out first. The code is that of a WebSocket; `onClosed` still follows. */
  close(code: number, reason: string): void
  /** Stops reading; false if the connection cannot. */
  pause(): boolean
  resume(): void
}

/** Who is at the other end. */
export interface MuxPeer {
  readonly kind: 'ws' | 'tcp'
  readonly encoding: MuxEncoding
  /** That of the handshake: lower case, without the port; empty if none. */
  readonly host: string
  /** The address as text. */
  readonly remote: string
  readonly certificate: ClientCertificate | undefined
  /** Of the handshake, `authorization` and `cookie` alone: a browser can set them there, and nowhere else. */
  readonly headers: HeaderList
}

/** The events of a connection, in the order in which they happen. None throws. */
export interface MuxConnection {
  /** One whole message of a WebSocket: a string if it was text. */
  onFrame(frame: string | Uint8Array): void
  /** Any piece of a TCP stream, without the `SX1\n` at its beginning. The bytes stay the caller's. */
  onBytes(chunk: Uint8Array): void
  /** The connection takes more, after a `send` that said that it is full. */
  onWritable(): void
  /** TCP: the client has sent all that it will (FIN). What is under way goes on, and the session closes after it. */
  onEnded(): void
  /** The connection is gone, for whatever reason. Comes once, and last. */
  onClosed(): void
  /**
   * Tells the client to go, takes no new exchanges, and closes when the last one has ended or the time is over; at once
   * with 0.
   */
  drain(graceMs: number): void
  readonly openExchanges: number
}
