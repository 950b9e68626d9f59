import type { Framing } from './framing.ts'

/** No messages: bytes as they come. */
export class BytesFraming implements Framing {
  readonly meta = undefined
  #chunk: Uint8Array | undefined

  push(chunk: Uint8Array): void {
    this.#chunk = chunk
  }

  take(): Uint8Array | undefined {
    const chunk = this.#chunk
    this.#chunk = undefined
    return chunk
  }

  finish(): undefined {
    return undefined
  }

  encode(chunk: Uint8Array): Uint8Array {
    return Buffer.from(chunk)
  }
}
