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
