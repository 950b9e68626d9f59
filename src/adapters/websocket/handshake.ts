import type { HeaderList } from '../../exchange/exchange.ts'
import { isToken } from '../http/head-syntax.ts'

/** Of WebSocket, the only one that there is. */
export const VERSION = '13'

/** Field names of a usual handshake: connections that last share these instead of having a copy of each. */
const USUAL_NAMES: ReadonlyMap<string, string> = new Map(
  [
    'host',
    'connection',
    'origin',
    'user-agent',
    'accept',
    'accept-encoding',
    'accept-language',
    'authorization',
    'cache-control',
    'cookie',
    'pragma',
    'sec-fetch-dest',
    'sec-fetch-mode',
    'sec-fetch-site',
    'sec-websocket-protocol',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
  ].map((name) => [name, name]),
)

/** What a request says of the WebSocket that it asks for (RFC 6455 section 4.2.1). */
export interface Handshake {
  /** False: it is a request like any other. */
  readonly isUpgrade: boolean
  readonly version: string
  /** As the response has to answer it. */
  readonly key: string
  /** With the port. */
  readonly host: string
  readonly origin: string | undefined
  /** Subprotocols in the client's order; undefined: what it offers is malformed. */
  readonly protocols: readonly string[] | undefined
  /** Without what is about this one connection. */
  readonly headers: HeaderList
}

export function readHandshake(headers: HeaderList): Handshake {
  const rest: string[] = []
  let upgrade = ''
  let version = ''
  let key = ''
  let host = ''
  let offered: string | undefined
  let origin: string | undefined
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    const value = headers[i + 1]!
    if (name === 'sec-websocket-key') key = value
    else if (name === 'sec-websocket-version') version = value
    else if (name === 'upgrade') upgrade = value
    else if (name !== 'sec-websocket-extensions') {
      if (name === 'host') host = value
      // More than one is no origin that anybody allows.
      else if (name === 'origin') origin = joined(origin, value)
      else if (name === 'sec-websocket-protocol') offered = joined(offered, value)
      rest.push(USUAL_NAMES.get(name) ?? name, value)
    }
  }
  return {
    isUpgrade: upgrade.toLowerCase() === 'websocket',
    version,
    key,
    host,
    origin,
    protocols: parseProtocols(offered),
    headers: rest,
  }
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before},${value}`
}

function parseProtocols(offered: string | undefined): readonly string[] | undefined {
  if (offered === undefined) return []
  const protocols = offered.split(',').map((protocol) => protocol.trim())
  return protocols.every(isToken) ? protocols : undefined
}
