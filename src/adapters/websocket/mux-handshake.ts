import type { HeaderList } from '../../exchange/exchange.ts'
import type { MuxEncoding } from '../mux/mux-socket.ts'

/** Reserved: no route is reached by a WebSocket here. */
export const MUX_PATH = '/_sx'

const ENCODINGS: ReadonlyMap<string, MuxEncoding> = new Map([
  ['sx.v1.json', 'json'],
  ['sx.v1.bin', 'binary'],
])

export interface MuxChoice {
  readonly encoding: MuxEncoding
  /** The subprotocol to answer with; empty: the client offered none. */
  readonly protocol: string
}

/** The first of the client's subprotocols that we speak; JSON if it offers none; undefined if it offers only others. */
export function chooseMux(offered: readonly string[]): MuxChoice | undefined {
  if (offered.length === 0) return { encoding: 'json', protocol: '' }
  for (const protocol of offered) {
    const encoding = ENCODINGS.get(protocol)
    if (encoding !== undefined) return { encoding, protocol }
  }
  return undefined
}

/** What a browser can say of itself in the handshake, and nowhere else. */
export function credentials(headers: HeaderList): HeaderList {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    if (name === 'authorization' || name === 'cookie') kept.push(name, headers[i + 1]!)
  }
  return kept
}
