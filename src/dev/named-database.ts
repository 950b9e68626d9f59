/** A database for a person, without user and password: `shop on db.example:5432`. */
export function nameDatabase(databaseUrl: string): string {
  const { hostname, port, pathname, username, searchParams } = new URL(databaseUrl)
  const host = hostname || searchParams.get('host') || 'localhost'
  return `${pathname.slice(1) || username || 'postgres'} on ${host}:${port || searchParams.get('port') || '5432'}`
}
