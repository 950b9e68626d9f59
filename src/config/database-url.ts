/** Paths of PEM files. */
export interface DatabaseTls {
  /** Authorities to trust in place of those that Node knows. */
  readonly ca?: string | undefined
  /** What to show the server, if it asks. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** The URL with TLS in it as the driver takes it, which reads the files for each connection. */
export function withTls(databaseUrl: string, tls: DatabaseTls): string {
  const url = new URL(databaseUrl)
  const { searchParams } = url
  for (const name of ['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'uselibpqcompat']) searchParams.delete(name)
  searchParams.set('sslmode', 'verify-full')
  if (tls.ca !== undefined) searchParams.set('sslrootcert', tls.ca)
  if (tls.cert !== undefined) searchParams.set('sslcert', tls.cert)
  if (tls.key !== undefined) searchParams.set('sslkey', tls.key)
  return url.href
}

/** The URL with this password, unless it has one of its own. */
export function withPassword(databaseUrl: string, password: string): string {
  const url = new URL(databaseUrl)
  if (url.password !== '' || url.searchParams.has('password')) return databaseUrl
  // A URL without a host, as of a socket, has no place for a password in front of it.
  if (url.hostname === '') url.searchParams.set('password', password)
  else url.password = encodeURIComponent(password)
  return url.href
}
