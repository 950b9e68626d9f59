import type { MessageMeta } from '../exchange/exchange.ts'
import { FRAME_OVERHEAD_BYTES, LEAST_MAX_BYTES } from './frame.ts'

const EMPTY = new Uint8Array(0)

/** A piece that may be sent now. */
export interface Piece {
  readonly seq: number
  readonly payload: Uint8Array
  readonly meta: MessageMeta | undefined
}

interface Waiting {
  payload: Uint8Array
  readonly meta: MessageMeta | undefined
}

/**
 * The sending half of one direction: numbers frames, cuts chunks to what the peer takes, and holds back what its credit
 * does not cover. Credit is absolute: the bytes that may have been sent since the beginning, so that a lost or late
 * message of credit does no harm.
 */
export class SendWindow {
  #maxBytes: number
  #credit: number
  #cost = 0
  #seq = 0
  #bytes = 0
  #waiting: Waiting[] = []
  #waitingBytes = 0

  /** @param maxBytes largest payload of a frame */
  constructor(credit: number, maxBytes: number) {
    this.#credit = credit
    this.#maxBytes = Math.max(maxBytes, 1)
  }

  /** Number of the last frame. */
  get seq(): number {
    return this.#seq
  }

  /** Payload bytes of all frames. */
  get bytes(): number {
    return this.#bytes
  }

  /** Something waits for credit. */
  get blocked(): boolean {
    return this.#waiting.length > 0
  }

  /** Payloads, and what a frame for each of them costs: many chunks of no bytes are no less to keep. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** The peer's limits, as it accepts. */
  open(credit: number, maxBytes: number): void {
    this.#credit = Math.max(this.#credit, credit)
    this.#maxBytes = Math.min(this.#maxBytes, maxBytes)
  }

  /** A credit below one that came before is old news. */
  grant(credit: number): void {
    if (credit > this.#credit) this.#credit = credit
  }

  /** Queues a chunk, which is kept: see `copyLast` if the bytes are not the caller's to give. */
  push(payload: Uint8Array, meta: MessageMeta | undefined): void {
    this.#waiting.push({ payload, meta })
    this.#waitingBytes += payload.length + FRAME_OVERHEAD_BYTES
  }

  /** Makes what still waits of the last chunk our own. */
  copyLast(): void {
    const last = this.#waiting.at(-1)
    // Not `slice`, which fills the copy with zeros first.
    if (last !== undefined) last.payload = Buffer.from(last.payload)
  }

  /**
   * The next frame that credit allows, if there is one; it counts as sent.
   * @param leastBytes a chunk is not cut to less: a peer that grants a few bytes at a time would get a frame for each
   */
  take(leastBytes = LEAST_MAX_BYTES): Piece | undefined {
    const first = this.#waiting[0]
    if (first === undefined) return undefined
    const room = Math.min(this.#maxBytes, this.#credit - this.#cost - FRAME_OVERHEAD_BYTES)
    const { payload, meta } = first
    if (room < Math.min(payload.length, this.#maxBytes, leastBytes)) return undefined
    const isLast = room >= payload.length
    const piece = isLast ? payload : payload.subarray(0, room)
    this.#waitingBytes -= piece.length
    if (isLast) {
      this.#waiting.shift()
      this.#waitingBytes -= FRAME_OVERHEAD_BYTES
    } else first.payload = payload.subarray(room)
    const part = isLast || meta === undefined ? meta : { ...meta, fin: false as const }
    return { seq: this.next(piece.length, true), payload: piece, meta: part }
  }

  /** All that waits, if that is one chunk without a label, or none, and credit covers it as the payload of a head. */
  takeWhole(): Uint8Array | undefined {
    const first = this.#waiting[0]
    if (first === undefined) return EMPTY
    const room = Math.min(this.#maxBytes, this.#credit - this.#cost - FRAME_OVERHEAD_BYTES)
    if (this.#waiting.length > 1 || isLabelled(first.meta) || first.payload.length > room) return undefined
    this.clear()
    return first.payload
  }

  /** Numbers a frame. An `end` is always covered: a sender without credit can still say that it is done. */
  next(payloadBytes: number, costsCredit: boolean): number {
    this.#bytes += payloadBytes
    if (costsCredit) this.#cost += payloadBytes + FRAME_OVERHEAD_BYTES
    return ++this.#seq
  }

  /** Drops what waits. */
  clear(): void {
    this.#waiting = []
    this.#waitingBytes = 0
  }
}

/** Of which the frame of a head has no place. */
function isLabelled(meta: MessageMeta | undefined): boolean {
  return meta?.type !== undefined || meta?.event !== undefined || meta?.id !== undefined || meta?.fin !== undefined
}
