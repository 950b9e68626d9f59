import { ErrorCode, NatsError } from 'nats'
import { explainTlsFailure } from '../exchange/tls-failure.ts'
import { isTlsWanted, type NatsTlsFiles } from './tls.ts'

interface Wanted {
  readonly servers: readonly string[]
  readonly tls?: NatsTlsFiles | undefined
}

/** Why there is no connection, with what a person can do about it where that is known. */
export function explainConnectFailure(error: unknown, wanted: Wanted): unknown {
  const explanation = explainTlsFailure(error, 'nats.tls') ?? explain(error, wanted)
  return explanation === undefined ? error : new Error(explanation, { cause: error })
}

function explain(error: unknown, { servers, tls }: Wanted): string | undefined {
  const code = error instanceof NatsError ? error.code : undefined
  if (code === ErrorCode.ServerOptionNotAvailable) {
    return 'the server does not speak TLS: turn it on there, or leave out tls:// and nats.tls here'
  }
  // In TLS 1.3 a server says no only after the handshake, which the client library does not tell from silence.
  if (code === ErrorCode.Timeout && isTlsWanted(servers, tls) && tls?.cert === undefined) {
    return 'the server did not answer in time; if it wants a certificate of ours, name that in nats.tls.cert and .key'
  }
  return undefined
}
