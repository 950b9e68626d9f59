import type { ExchangeError } from '../exchange/errors.ts'
import type { BackendSide, ClientSide, HeaderList, MessageMeta, ResponseHead } from '../exchange/exchange.ts'
import type { ExchangeSpan } from './exchange-span.ts'

/** A client that counts the chunks of its response. */
export class TracedClient implements ClientSide {
  readonly #span: ExchangeSpan
  readonly #client: ClientSide

  constructor(span: ExchangeSpan, client: ClientSide) {
    this.#span = span
    this.#client = client
  }

  head(head: ResponseHead): void {
    this.#client.head(head)
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    this.#span.chunksOut++
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

/** A backend that counts the chunks of its request. */
export class TracedBackend implements BackendSide {
  readonly #span: ExchangeSpan
  readonly #backend: BackendSide

  constructor(span: ExchangeSpan, backend: BackendSide) {
    this.#span = span
    this.#backend = backend
  }

  data(chunk: Uint8Array, meta?: MessageMeta): boolean {
    this.#span.chunksIn++
    return this.#backend.data(chunk, meta)
  }

  end(trailers?: HeaderList, closeCode?: number): void {
    this.#backend.end(trailers, closeCode)
  }

  reset(error: ExchangeError): void {
    this.#backend.reset(error)
  }

  drained(): void {
    this.#backend.drained()
  }
}
