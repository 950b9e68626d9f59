import { type ConnectionOptions, checkServerIdentity } from 'node:tls'
import type { TlsOptions } from 'nats'
import { withoutUserInfo } from './user-info.ts'

/** Paths of PEM files. */
export interface NatsTlsFiles {
  /** Authorities to trust in place of those that Node knows. */
  readonly ca?: string | undefined
  /** What to show the servers; with `key`, or neither. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** It hands to Node's TLS also what its types do not know. */
type ClientTls = TlsOptions & Pick<ConnectionOptions, 'checkServerIdentity' | 'minVersion'>

/** Whether the connection is to be made over TLS or not at all. */
export function isTlsWanted(servers: readonly string[], files: NatsTlsFiles | undefined): boolean {
  return files !== undefined || servers.some((server) => /^tls:/i.test(server))
}

/** What the client library is to know of TLS; undefined: it is the servers' choice. */
export function clientTlsOf(servers: readonly string[], files: NatsTlsFiles | undefined): ClientTls | undefined {
  if (!isTlsWanted(servers, files)) return undefined
  const { ca, cert, key } = files ?? {}
  const hosts = servers.map(hostOf)
  return {
    ...(ca === undefined ? {} : { caFile: ca }),
    ...(cert === undefined ? {} : { certFile: cert }),
    ...(key === undefined ? {} : { keyFile: key }),
    minVersion: 'TLSv1.2',
    // Where a server is known by its address, as those are that others tell of, the library has Node ask for "localhost".
    checkServerIdentity(_name, certificate) {
      const errors = hosts.map((host) => checkServerIdentity(host, certificate))
      return errors.includes(undefined) ? undefined : errors[0]
    },
  }
}

/** Of `tls://user:password@[::1]:4222`, say, `::1`. */
function hostOf(server: string): string {
  return new URL(withoutUserInfo(server).replace(/^(?:[a-z]+:\/\/)?/i, 'http://')).hostname.replace(/^\[|\]$/g, '')
}
