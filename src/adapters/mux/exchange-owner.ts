import type { ExchangeError } from '../../exchange/errors.ts'
import type { MuxOutput } from './mux-output.ts'
import type { MuxParts } from './mux-parts.ts'
import type { MuxEncoding } from './mux-socket.ts'
import type { OpenRequest } from './open-request.ts'

/** The session, as its exchanges see it. */
export interface ExchangeOwner {
  readonly parts: MuxParts
  readonly output: MuxOutput
  readonly encoding: MuxEncoding
  /** The client can grant no more credit. */
  readonly clientEnded: boolean
  onExchangeClosed(id: number, request: OpenRequest): void
  /** The backend, or what stands before it, has reset an exchange, and the client was told. */
  onExchangeReset(request: OpenRequest, error: ExchangeError): void
}
