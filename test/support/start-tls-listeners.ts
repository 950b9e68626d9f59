import type { TestContext } from 'node:test'
import { echo, startRawTcp } from '../adapters/tcp/start-tcp.ts'
import { createAuthority, temporaryFiles } from './certificates.ts'
import { startTlsWebListener } from './tls-web-listener.ts'

export interface TlsListeners {
  /** Of whoever speaks TLS in the router, each with a different library. */
  readonly ports: Readonly<Record<'http' | 'tcp', number>>
  /** The path of the certificate to trust them by. */
  readonly authority: string
}

/** Listeners with TLS as it is by default. */
export async function startTlsListeners(t: TestContext): Promise<TlsListeners> {
  const authority = createAuthority(temporaryFiles(t))
  const tls = { ...authority.issue('localhost'), clientCa: undefined, clientAuth: 'none' } as const
  const http = await startTlsWebListener(t, tls)
  const tcp = await startRawTcp(t, { handler: echo, tls })
  return { ports: { http: http.port, tcp: tcp.port }, authority: authority.cert }
}
