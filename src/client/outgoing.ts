import type { MuxBody } from '../adapters/framing/mux-frame.ts'
import { createDeferred, type Deferred } from './deferred.ts'
import { WINDOW_BYTES } from './incoming.ts'
import { byteLength, piecesOf } from './pieces.ts'
import { RouterError } from './router-error.ts'

/** What may wait to be sent by those who do not await it; one body may be longer. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024
/** Counted for each piece beside its bytes. */
const PIECE_OVERHEAD_BYTES = 64

/**
 * Frames that the backend has not taken. Credit counts bytes, but tells how many were taken, and the router gives some
 * for each thousand frames; beyond four thousand that wait it resets the exchange.
 */
const MAX_UNTAKEN_FRAMES = 2048

interface Piece {
  readonly body: MuxBody
  readonly bytes: number
  readonly fin: false | undefined
  /** Of the last piece of what was handed to `send`. */
  readonly sent: Deferred<void> | undefined
}

/** Where it goes. */
export interface Outlet {
  data(body: MuxBody, fin: false | undefined): void
  end(closeCode: number | undefined): void
}

/** What goes to the router on one exchange, while its credit covers it; the rest waits in order. */
export class Outgoing {
  readonly #outlet: Outlet
  readonly #waiting: Piece[] = []
  #waitingBytes = 0
  #sentBytes: number
  #creditBytes = WINDOW_BYTES
  /** Of each frame that was not taken, the bytes up to its end. */
  readonly #untaken: number[] = []
  #end: { readonly closeCode: number | undefined } | undefined
  #hasSentAll = false
  #error: { readonly reason: unknown } | undefined

  /** @param sentBytes what went out before, which credit counts too; @param more whether that was not all */
  constructor(outlet: Outlet, sentBytes: number, more: boolean) {
    this.#outlet = outlet
    this.#sentBytes = sentBytes
    if (more) return
    this.#end = { closeCode: undefined }
    this.#hasSentAll = true
  }

  /** Its end is out. */
  get hasSentAll(): boolean {
    return this.#hasSentAll
  }

  /**
   * Resolves when all of it is out. What is longer than a frame goes in pieces.
   * @param isMessage the pieces are parts of one message
   */
  send(body: MuxBody, isMessage: boolean): Promise<void> {
    const sent = createDeferred<void>()
    if (this.#error !== undefined) sent.reject(this.#error.reason)
    else if (this.#end !== undefined) sent.reject(new Error('this exchange has been ended'))
    else if (this.#waitingBytes > MAX_WAITING_BYTES)
      sent.reject(new RouterError('queue_full', 'too much waits to be sent: await each send'))
    else {
      const pieces = piecesOf(body)
      for (const [index, piece] of pieces.entries()) {
        const isLast = index === pieces.length - 1
        this.#push(piece, isMessage && !isLast ? false : undefined, isLast ? sent : undefined)
      }
      this.#flush()
    }
    return sent.promise
  }

  /** Nothing more, once what waits is out. */
  end(closeCode?: number): void {
    if (this.#end !== undefined || this.#error !== undefined) return
    this.#end = { closeCode }
    this.#flush()
  }

  /** @param credit absolute; one below what came before is old news */
  grant(credit: number): void {
    if (credit <= this.#creditBytes) return
    this.#creditBytes = credit
    const firstUntaken = this.#untaken.findIndex((bytes) => bytes > credit - WINDOW_BYTES)
    this.#untaken.splice(0, firstUntaken < 0 ? this.#untaken.length : firstUntaken)
    this.#flush()
  }

  /** Nothing goes out any more. */
  fail(reason: unknown): void {
    this.#error = { reason }
    for (const { sent } of this.#waiting) sent?.reject(reason)
    this.#waiting.length = 0
  }

  #push(body: MuxBody, fin: false | undefined, sent: Deferred<void> | undefined): void {
    const bytes = byteLength(body)
    this.#waitingBytes += bytes + PIECE_OVERHEAD_BYTES
    this.#waiting.push({ body, bytes, fin, sent })
  }

  /** Credit cannot tell whether an empty frame was taken, so that these always may go. */
  #covers(bytes: number): boolean {
    if (this.#sentBytes + bytes > this.#creditBytes) return false
    return bytes === 0 || this.#untaken.length < MAX_UNTAKEN_FRAMES
  }

  #flush(): void {
    let next = this.#waiting[0]
    while (next !== undefined && this.#covers(next.bytes)) {
      this.#waiting.shift()
      this.#waitingBytes -= next.bytes + PIECE_OVERHEAD_BYTES
      this.#sentBytes += next.bytes
      if (next.bytes > 0) this.#untaken.push(this.#sentBytes)
      this.#outlet.data(next.body, next.fin)
      next.sent?.resolve()
      next = this.#waiting[0]
    }
    if (next !== undefined || this.#end === undefined || this.#hasSentAll) return
    this.#hasSentAll = true
    this.#outlet.end(this.#end.closeCode)
  }
}
