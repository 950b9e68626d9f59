import { type ConnectionOptions, connect, type NatsConnection } from 'nats'
import { explainConnectFailure, NatsConnectFailure } from '../nats/connect-failure.ts'
import { clientTlsOf } from '../nats/tls.ts'
import { userInfoOf, withoutUserInfo } from '../nats/user-info.ts'

const SETTINGS = {
  ca: 'nats.tls.caFile',
  cert: 'nats.tls.certFile and .keyFile',
  credentials: 'the option nats: nats://user:password@host:4222 in servers, or user and pass, token, or authenticator',
}

/** Where the client library looks for a server that is told of none. */
const DEFAULT_SERVER = '127.0.0.1:4222'

/**
 * Connects with the options of the client library, and takes URLs as the router does: with user info in them, and
 * `tls://` for TLS or nothing. Rejects with what to do, and without a password.
 */
export async function connectNats(options: ConnectionOptions): Promise<NatsConnection> {
  const { port, ...rest } = options
  const { tls } = rest
  const servers = [options.servers ?? (port === undefined ? DEFAULT_SERVER : `127.0.0.1:${port}`)].flat()
  assertUserInfo(servers)
  const creds = options.authenticator ?? options.token ?? options.user
  const userInfo = creds === undefined ? userInfoOf(servers) : {}
  try {
    const clientTls = tls === undefined ? clientTlsOf(servers, undefined) : tls
    return await connect({
      ...rest,
      ...userInfo,
      servers: servers.map(withoutUserInfo),
      ...(clientTls !== undefined && { tls: clientTls }),
    })
  } catch (error) {
    const cert = tls?.certFile ?? tls?.cert
    const files = tls ? { cert } : undefined
    throw explain(explainConnectFailure(error, { servers, tls: files, creds }, SETTINGS), servers)
  }
}

/** What is left of a password that is written wrong would go into messages, as a part of the address. */
function assertUserInfo(servers: readonly string[]): void {
  if (servers.some((server) => withoutUserInfo(server).includes('@'))) {
    throw new Error('a URL in nats.servers has an @ or a / in its user, password or token: write %40 or %2F')
  }
}

function explain(error: unknown, servers: readonly string[]): unknown {
  if (!(error instanceof Error)) return error
  const where = servers.map(withoutUserInfo).join(', ')
  const message =
    error instanceof NatsConnectFailure
      ? `no connection with NATS at ${where}: ${error.message}`
      : `NATS is not reachable at ${where}: ${error.message}; start it, or say where it is in nats.servers`
  return new Error(message, { cause: error.cause ?? error })
}
