import { explainTlsFailure } from '../exchange/tls-failure.ts'
import { formatDuration } from '../exchange/units.ts'
import { type ConnectionOptions, databaseWaits } from './database.ts'

const TLS_SETTINGS = { ca: 'database.tls.ca', cert: 'database.tls.cert and .key' }

/**
 * What went wrong with the database, and what a person can do about it: one sentence or two, without a password.
 * @param options those that the connection was opened with
 */
export function explainDatabaseError(error: unknown, url: string, options: ConnectionOptions = {}): string {
  const code = codeOf(error)
  const message = messageOf(error)
  const { address, name, user } = targetOf(url)
  const tlsFailure = explainTlsFailure(error, TLS_SETTINGS)
  if (tlsFailure !== undefined) return `no TLS with the database at ${address}: ${tlsFailure}`
  if (message === 'The server does not support SSL connections') {
    return `the database at ${address} does not speak TLS: turn it on there, or leave out sslmode and database.tls here`
  }
  if (error instanceof Error && 'syscall' in error && error.syscall === 'open') {
    return `a file for TLS with the database at ${address} cannot be read: ${message}`
  }
  const silentForMs = silenceOf(message, options)
  if (silentForMs !== undefined) {
    return (
      `the database at ${address} did not answer within ${formatDuration(silentForMs)}: it may be frozen or overloaded, ` +
      'or a firewall drops what we send; look at that server, its log and its load'
    )
  }
  if (message === 'Connection terminated unexpectedly') {
    return (
      `the database at ${address} closed the connection without a word: it may have crashed or be restarting, or what ` +
      'answers there is a proxy with no server behind it; look at that server and its log'
    )
  }
  switch (code) {
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
    case 'ECONNRESET':
    case 'ENOENT':
      return `the database at ${address} is not reachable (${code}): start it, or say where it is with --database-url or DATABASE_URL`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the database's host ${address} is not known (${code}): correct --database-url or DATABASE_URL`
    case '28P01':
    case '28000':
      return `the database at ${address} refuses user "${user}": ${message}; correct the user or password in the URL`
    case '3D000':
      return `the database server at ${address} has no database "${name}": create it (createdb ${name}) or correct the URL`
    case '42P01':
    case '42703':
      return `the database "${name}" at ${address} lacks our tables or is behind (${message}): run \`engine-router migrate up\``
    case '42501':
      return `user "${user}" may not do this in the database "${name}" at ${address}: ${message}; grant it the rights`
    case '57014':
    case '55P03':
      return `the database at ${address} did not get to it in time (${message}): another change may be under way, try again`
    case '57P03':
      return `the database at ${address} is starting up or shutting down: try again in a moment`
    default:
      return `the database at ${address} failed: ${message}`
  }
}

/** How long nothing came from the server; undefined: that was not it. The driver's errors for that have no code. */
function silenceOf(message: string, options: ConnectionOptions): number | undefined {
  const { connectTimeoutMs, answerTimeoutMs } = databaseWaits(options)
  switch (message) {
    case 'Connection terminated due to connection timeout':
    case 'timeout expired':
      return connectTimeoutMs
    case 'Query read timeout':
      return answerTimeoutMs
    default:
      return undefined
  }
}

function codeOf(error: unknown): string {
  // A refused connection to a name with several addresses is an AggregateError; its parts are alike.
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function targetOf(url: string): { address: string; name: string; user: string } {
  if (!URL.canParse(url)) return { address: 'the given URL', name: '', user: '' }
  const { hostname, port, pathname, username, searchParams } = new URL(url)
  const address = `${hostname || searchParams.get('host') || 'localhost'}:${port || 5432}`
  return { address, name: pathname.slice(1) || username, user: username }
}

/** Whether a statement failed because a table is not there, as a migration is yet to come. */
export function isUndefinedTable(error: unknown): boolean {
  return codeOf(error) === '42P01'
}
