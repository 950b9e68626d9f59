import { isLoopback } from '../admin/access.ts'

interface Listener {
  readonly host: string
  readonly port: number
  /** Undefined: no TLS. */
  readonly tls?: object | undefined
}

/**
 * Where a program on this machine finds a listener: what listens everywhere is found on loopback, with TLS by the name
 * that certificates for this machine have.
 */
export function listenerUrl({ host, port, tls }: Listener): URL {
  const scheme = tls === undefined ? 'http' : 'https'
  return new URL(`${scheme}://${nameOf(host, tls !== undefined)}:${port}`)
}

function nameOf(host: string, isNamed: boolean): string {
  const isIpv6 = host.includes(':')
  if (host === '0.0.0.0' || host === '::' || isLoopback(host)) {
    return isNamed ? 'localhost' : isIpv6 ? '[::1]' : '127.0.0.1'
  }
  return isIpv6 ? `[${host}]` : host
}
