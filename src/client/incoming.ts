import type { MuxData } from '../adapters/framing/mux-frame.ts'
import { createDeferred, type Deferred } from './deferred.ts'
import { byteLength } from './pieces.ts'

/** Payload bytes that each end may send before it is granted more. */
export const WINDOW_BYTES = 256 * 1024

/**
 * What the router sends on one exchange, until it is read. Holds no more than was granted, and grants anew what was read,
 * once that is half of the window.
 */
export class Incoming {
  readonly #grant: (to: number) => void
  readonly #chunks: MuxData[] = []
  #reader: Deferred<MuxData | undefined> | undefined
  #receivedBytes = 0
  #readBytes = 0
  #grantedBytes = WINDOW_BYTES
  #hasEnded = false
  #error: { readonly reason: unknown } | undefined

  constructor(grant: (to: number) => void) {
    this.#grant = grant
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** False: more than was granted. */
  push(chunk: MuxData): boolean {
    this.#receivedBytes += byteLength(chunk.body)
    // Empty chunks take no credit, so that they are counted.
    if (this.#receivedBytes > this.#grantedBytes || this.#chunks.length >= WINDOW_BYTES) return false
    const reader = this.#reader
    this.#reader = undefined
    if (reader === undefined) this.#chunks.push(chunk)
    else {
      this.#onRead(chunk)
      reader.resolve(chunk)
    }
    return true
  }

  end(): void {
    this.#hasEnded = true
    this.#reader?.resolve(undefined)
    this.#reader = undefined
  }

  fail(reason: unknown): void {
    this.#error = { reason }
    this.#chunks.length = 0
    this.#reader?.reject(reason)
    this.#reader = undefined
  }

  /** The next chunk, undefined at the end; one reader at a time. */
  read(): Promise<MuxData | undefined> {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) {
      this.#onRead(chunk)
      return Promise.resolve(chunk)
    }
    const reader = createDeferred<MuxData | undefined>()
    if (this.#error !== undefined) reader.reject(this.#error.reason)
    else if (this.#hasEnded) reader.resolve(undefined)
    else if (this.#reader !== undefined) reader.reject(new Error('this is being read already'))
    else this.#reader = reader
    return reader.promise
  }

  #onRead({ body }: MuxData): void {
    this.#readBytes += byteLength(body)
    const granted = this.#readBytes + WINDOW_BYTES
    if (this.#hasEnded || granted - this.#grantedBytes < WINDOW_BYTES / 2) return
    this.#grantedBytes = granted
    this.#grant(granted)
  }
}
