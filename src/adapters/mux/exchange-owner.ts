import type { ExchangeError } from '../../exchange/errors.ts'
import type { HeaderList } from '../../exchange/exchange.ts'
import type { MuxOutput } from './mux-output.ts'
import type { MuxParts } from './mux-parts.ts'
import type { MuxEncoding } from './mux-socket.ts'

/** The session, as its exchanges see it. */
export interface ExchangeOwner {
  readonly parts: MuxParts
  readonly output: MuxOutput
  readonly encoding: MuxEncoding
  /** The client can grant no more credit. */
  readonly clientEnded: boolean
  onExchangeClosed(id: number): void
  /** An exchange has ended since a credential that is, or was, that of the connection has. */
  onCredentialOver(credential: HeaderList, error: ExchangeError): void
}
