import { expiresSoon } from '../adapters/tls/certificate-expiry.ts'
import { TlsIdentity } from '../adapters/tls/tls-identity.ts'
import type { ListenerTls, RouterConfig } from '../config/router-config.ts'
import { type Finding, fail, ok, warn } from './doctor-finding.ts'
import { SILENT } from './silent-logger.ts'

const RENEW = 'put a new one in its place, which needs no restart, and look at what should have renewed it'

/** Of each listener with TLS, whether its files can be used, and for how long. */
export function checkCertificates({ http, tcp }: RouterConfig['listen']): Promise<Finding[]> {
  const listeners: [string, ListenerTls | undefined][] = [['http', http.tls]]
  for (const [index, { tls }] of tcp.entries()) listeners.push([`tcp${index}`, tls])
  return Promise.all(listeners.flatMap(([name, tls]) => (tls === undefined ? [] : checkCertificate(name, tls))))
}

async function checkCertificate(listener: string, tls: ListenerTls): Promise<Finding> {
  const check = `certificate ${listener}`
  let identity: TlsIdentity
  try {
    identity = await TlsIdentity.load(tls, SILENT)
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return fail(check, detail, 'name the PEM files of one pair, which the user of the router can read')
  }
  identity.close()
  const { expiresAtMs } = identity
  const nowMs = Date.now()
  const at = new Date(expiresAtMs).toISOString()
  if (expiresAtMs <= nowMs) return fail(check, `${tls.cert} expired at ${at}`, RENEW)
  const detail = `${tls.cert} expires at ${at}`
  return expiresSoon(expiresAtMs, nowMs) ? warn(check, detail, RENEW) : ok(check, detail)
}
