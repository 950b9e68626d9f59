import { ErrorCode, NatsError } from 'nats'
import { explainTlsFailure, type TlsSettingNames } from '../exchange/tls-failure.ts'
import { isTlsWanted, type NatsTlsFiles } from './tls.ts'
import { userInfoOf } from './user-info.ts'

interface Wanted {
  readonly servers: readonly string[]
  readonly tls?: NatsTlsFiles | undefined
  /** Credentials beside those in the URLs, of whatever kind. */
  readonly creds?: unknown
}

/** What the settings are called where a person mends them. */
export interface NatsSettingNames extends TlsSettingNames {
  /** All the places for credentials. */
  readonly credentials: string
}

/** Those of a router. */
const ROUTER_SETTINGS: NatsSettingNames = {
  ca: 'nats.tls.ca',
  cert: 'nats.tls.cert and .key',
  credentials:
    'NATS_URL or nats.servers (nats://user:password@host:4222), or a credentials file in NATS_CREDS or nats.creds',
}

/** There is a server, or something else than a server is in the way. The message says what to do. */
export class NatsConnectFailure extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'NatsConnectFailure'
  }
}

/** Why there is no connection, with what a person can do about it where that is known. */
export function explainConnectFailure(error: unknown, wanted: Wanted, names = ROUTER_SETTINGS): unknown {
  const explanation = explainTlsFailure(error, names) ?? explain(error, wanted, names)
  return explanation === undefined ? error : new NatsConnectFailure(explanation, error)
}

function explain(error: unknown, wanted: Wanted, names: NatsSettingNames): string | undefined {
  const { servers, tls } = wanted
  if (error instanceof Error && 'syscall' in error && error.syscall === 'open') {
    return `a file of the settings for NATS cannot be read: ${error.message}`
  }
  const code = error instanceof NatsError ? error.code : undefined
  switch (code) {
    case ErrorCode.AuthorizationViolation:
    case ErrorCode.BadAuthentication:
    case ErrorCode.AuthenticationExpired:
    case ErrorCode.AuthenticationTimeout:
    case ErrorCode.AccountExpired: {
      const fault = hasCredentials(wanted) ? 'refuses our credentials' : 'wants credentials, and there are none'
      return `the server ${fault} (${String(code)}): set those of a user that it knows in ${names.credentials}`
    }
    case ErrorCode.BadCreds:
      return `the credentials file holds no credentials: name another, or set them in ${names.credentials}`
    case ErrorCode.ServerOptionNotAvailable:
      return 'the server does not speak TLS: turn it on there, or leave out tls:// and nats.tls here'
    case ErrorCode.Timeout:
      // In TLS 1.3 a server says no only after the handshake, which the client library does not tell from silence.
      if (!isTlsWanted(servers, tls) || tls?.cert !== undefined) return undefined
      return `the server did not answer in time; if it wants a certificate of ours, name that in ${names.cert}`
    default:
      return undefined
  }
}

function hasCredentials({ servers, creds }: Wanted): boolean {
  return creds !== undefined || Object.keys(userInfoOf(servers)).length > 0
}
