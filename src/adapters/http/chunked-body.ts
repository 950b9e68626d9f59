import type { HttpResponse } from 'uWebSockets.js'
import { endLastHead } from './write-response.ts'

/** Less than the system takes at once, whenever it takes more. */
const PROBE_BYTES = 2048
/** Of less, uWebSockets tells only with the next write that the system did not take it. */
const CORK_BYTES = 16 * 1024

/**
 * The body of a response whose length is not known. What the system does not take of a write is kept by uWebSockets, one
 * chunk at most; and the last of a large chunk is kept here, to be written a byte at a time while it is full for long:
 * `writeAgain`.
 */
export class ChunkedBody {
  readonly #res: HttpResponse
  /** It took some, which is not to say that uWebSockets has nothing left: that is only told of the next write. */
  #mayLag = false
  #unsent: Uint8Array | undefined
  #hasBegun: boolean

  /** @param hasBegun some of it is written already */
  constructor(res: HttpResponse, hasBegun: boolean) {
    this.#res = res
    this.#hasBegun = hasBegun
  }

  /** Bytes that are kept here. */
  get unsentBytes(): number {
    return this.#unsent?.length ?? 0
  }

  /** False: the socket is full. */
  write(chunk: string | Uint8Array): boolean {
    if (chunk.length <= (this.#mayLag ? PROBE_BYTES : CORK_BYTES)) return this.#tryWrite(chunk)
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    const firstBytes = this.#mayLag ? PROBE_BYTES : bytes.length - PROBE_BYTES
    if (this.#tryWrite(bytes.subarray(0, firstBytes))) return this.write(bytes.subarray(firstBytes))
    this.#unsent = new Uint8Array(bytes.subarray(firstBytes))
    return false
  }

  /** The system has taken some. False: the socket is full again. */
  onWritable(): boolean {
    this.#flush()
    return this.#writeUnsent()
  }

  /**
   * A write that fails starts uWebSockets' timer again, and has it wait to write, which it forgets when it is told to read
   * on, or not to. `unknown`: there is nothing left here to write; one chunk more is to be asked for.
   */
  writeAgain(): 'room' | 'taken' | 'full' | 'unknown' {
    const unsent = this.#unsent
    if (unsent === undefined) {
      this.#flush()
      return 'unknown'
    }
    this.#unsent = unsent.length > 1 ? unsent.subarray(1) : undefined
    if (!this.#tryWrite(unsent.subarray(0, 1))) return 'full'
    return this.#writeUnsent() ? 'room' : 'taken'
  }

  end(): void {
    this.#finish(writeEnd)
  }

  /** Ends it for the client and not for uWebSockets: see `endLastHead`. @param isBodyless the head is all there is */
  endLast(isBodyless: boolean): void {
    if (isBodyless) this.#finish(writeLastHead)
    else this.#finish(this.#hasBegun ? writeLastChunk : writeLastHeadOfEmpty)
  }

  #finish(write: () => void): void {
    if (this.#unsent !== undefined) this.#tryWrite(this.#unsent)
    this.#unsent = undefined
    corked = this.#res
    this.#res.cork(write)
  }

  /** uWebSockets leaves what it keeps to the next write, which may be long in coming; the end of a cork is one as well. */
  #flush(): void {
    this.#res.cork(writeNothing)
    this.#mayLag = true
  }

  #writeUnsent(): boolean {
    const unsent = this.#unsent
    this.#unsent = undefined
    return unsent === undefined || this.write(unsent)
  }

  #tryWrite(chunk: string | Uint8Array): boolean {
    corked = this.#res
    corkedChunk = chunk
    if (chunk.length > 0) this.#hasBegun = true
    this.#res.cork(writeChunk)
    if (corkedOk) this.#mayLag = false
    return corkedOk
  }
}

// A cork runs its callback before it returns: what it works on is handed over here, not in a closure for each write.
let corked: HttpResponse
let corkedChunk: string | Uint8Array
let corkedOk = true
const writeChunk = () => {
  corkedOk = corked.write(corkedChunk)
}
const writeNothing = () => {}
const writeEnd = () => void corked.end()
/** The last chunk and a trailer that means nothing (RFC 9112 section 7.1.2): raw bytes go as a field, or not at all. */
const writeLastChunk = () => void corked.writeHeader('\r\n0\r\nx-last', '\r\n')
const writeLastHead = () => endLastHead(corked)
const writeLastHeadOfEmpty = () => endLastHead(corked.writeHeader('content-length', '0'))
