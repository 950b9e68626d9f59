import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { ClientCertificate } from '../../exchange/client-certificate.ts'
import { describeCertificate } from './client-certificate.ts'
import type { TlsIdentity } from './tls-identity.ts'
import type { TlsOptions } from './tls-options.ts'

/** What Node tells its own TLS server of a handshake, and others not. */
interface Internals {
  readonly _handle: { verifyError(): Error | null | undefined }
}

/** Speaks TLS with the client of a connection: `secure` comes when the handshake is done, `_tlsError` when it fails. */
export function createServerSocket(raw: Socket, { context, options }: TlsIdentity): TLSSocket {
  return new TLSSocket(raw, {
    isServer: true,
    secureContext: context,
    requestCert: options.clientAuth !== 'none',
    rejectUnauthorized: options.clientAuth === 'require',
  })
}

/** Who the client is, after `secure`; undefined: it has shown nothing. Throws an error that says why it may not go on. */
export function readClientCertificate(
  socket: TLSSocket,
  clientAuth: TlsOptions['clientAuth'],
): ClientCertificate | undefined {
  if (clientAuth === 'none') return undefined
  const shown = socket.getPeerX509Certificate()
  if (shown === undefined) {
    if (clientAuth === 'require') throw new Error('the client has shown no certificate')
    return undefined
  }
  // A handshake succeeds whatever is shown: whether it is good is ours to ask.
  const error = (socket as unknown as Internals)._handle.verifyError()
  if (error) throw error
  return describeCertificate(shown)
}
