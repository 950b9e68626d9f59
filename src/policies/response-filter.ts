import type { ExchangeError } from '../exchange/errors.ts'
import type { ClientSide, HeaderList, MessageMeta, ResponseHead } from '../exchange/exchange.ts'

/** A client to whom another head is told than what the backend said; everything else passes as it is. */
export class ResponseFilter implements ClientSide {
  readonly #client: ClientSide
  readonly #change: (head: ResponseHead) => ResponseHead

  constructor(client: ClientSide, change: (head: ResponseHead) => ResponseHead) {
    this.#client = client
    this.#change = change
  }

  head(head: ResponseHead): void {
    this.#client.head(this.#change(head))
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    return this.#client.data(chunk, meta)
  }

  end(trailers?: HeaderList, closeCode?: number): void {
    this.#client.end(trailers, closeCode)
  }

  reset(error: ExchangeError): void {
    this.#client.reset(error)
  }

  drained(): void {
    this.#client.drained()
  }
}
