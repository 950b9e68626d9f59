/** All that the client library asks of headers when it publishes, without building a map to take it apart again. */
export class EncodedHeaders {
  readonly #block: Uint8Array

  /** @param block `NATS/1.0` and all, as it goes out */
  constructor(block: Uint8Array) {
    this.#block = block
  }

  encode(): Uint8Array {
    return this.#block
  }
}
