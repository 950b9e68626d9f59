import type { Socket } from 'node:net'
import type { ClientCertificate } from '../../exchange/client-certificate.ts'

/** An accepted connection that is ready for its protocol: past a PROXY header and a TLS handshake, if there are any. */
export interface Channel {
  /** What is read and written: over TLS, the plain text. */
  readonly socket: Socket
  /** The TCP connection below it, or the same. */
  readonly raw: Socket
  /** The client's address. */
  readonly remote: string
  readonly certificate: ClientCertificate | undefined
}

/** For the system to take a FIN, behind what a client that does not read has yet to take. */
const FIN_MS = 1000

/**
 * RST. Node cannot reset a socket whose FIN is on its way to the system, which takes until the next turn of the event loop:
 * it would fail with EINVAL, and never close the descriptor nor tell of `close`.
 */
export function resetChannel({ socket, raw }: Channel): void {
  const isEnding = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished
  if (!isEnding || socket.destroyed) {
    raw.resetAndDestroy()
    return
  }
  const timer = setTimeout(() => raw.destroy(), FIN_MS)
  raw.once('close', () => clearTimeout(timer))
  socket.once('finish', () => raw.resetAndDestroy())
}
