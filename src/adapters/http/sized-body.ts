import type { HttpResponse } from 'uWebSockets.js'

/** `done`: all of the body is on its way. `full`: no more until the client has read some. */
export type Progress = 'room' | 'full' | 'done'

/**
 * The body of a response whose length is known before: written with a `content-length` in place of chunks. Of what the
 * system does not take uWebSockets keeps nothing, so it is kept here, a copy, until it does.
 */
export class SizedBody {
  readonly #res: HttpResponse
  readonly #length: number
  readonly #isLingering: boolean
  #unsent: Uint8Array | undefined
  /** Where in the body that begins. */
  #unsentAt = 0
  #written = 0
  /** What uWebSockets is told that there is. */
  #toldLength: number

  /** @param isLingering not over for uWebSockets: see `endLastHead` */
  constructor(res: HttpResponse, length: number, isLingering: boolean) {
    this.#res = res
    this.#length = length
    this.#isLingering = isLingering
    this.#toldLength = length
  }

  /** The next chunk, inside a cork, once there is room for it. */
  write(chunk: Uint8Array): Progress {
    const [ok, isDone] = this.#tryEnd(chunk)
    if (isDone) return 'done'
    const startsAt = this.#written
    this.#written += chunk.length
    if (ok) return 'room'
    this.#unsentAt = this.#res.getWriteOffset()
    this.#unsent = new Uint8Array(chunk.subarray(this.#unsentAt - startsAt))
    return 'full'
  }

  /** @param offset in the body, up to which the system has taken it */
  onWritable(offset: number): Progress {
    if (this.#unsent === undefined) return 'room'
    const [ok, isDone] = this.#tryEnd(this.#unsent.subarray(offset - this.#unsentAt))
    if (isDone) return 'done'
    if (!ok) return 'full'
    this.#unsent = undefined
    return 'room'
  }

  #tryEnd(chunk: Uint8Array): [boolean, boolean] {
    if (!this.#isLingering) return this.#res.tryEnd(chunk, this.#length)
    // The head, with the length that there is; and then one byte more, which never comes.
    if (this.#toldLength === this.#length) this.#res.tryEnd('', this.#toldLength++)
    const [ok] = this.#res.tryEnd(chunk, this.#toldLength)
    return [ok, this.#res.getWriteOffset() === this.#length]
  }
}
