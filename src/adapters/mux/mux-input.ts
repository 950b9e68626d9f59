import type { ErrorCode } from '../../exchange/errors.ts'
import { type MuxFrame, MuxFrameError } from '../framing/mux-frame.ts'
import { MessageRate } from '../message-rate.ts'
import { createStreamDecoder, decodeMessage, type StreamDecoder } from './frame-decoder.ts'
import type { MuxParts } from './mux-parts.ts'
import type { MuxPeer } from './mux-socket.ts'

/** The session, as its input sees it. */
export interface FrameReader {
  onClientFrame(frame: MuxFrame): void
  /** The client breaks the protocol, or a limit: nothing that follows can be read. @param fault what it has sent */
  onFault(code: ErrorCode, fault: string): void
}

/** What comes in on one connection, as frames, as long as the client sends no faster than it may. */
export class MuxInput {
  readonly #parts: MuxParts
  readonly #peer: MuxPeer
  readonly #reader: FrameReader
  readonly #rate: MessageRate
  /** Not before the first bytes: a WebSocket needs none. */
  #decoder: StreamDecoder | undefined
  #isClosed = false

  constructor(parts: MuxParts, peer: MuxPeer, reader: FrameReader) {
    this.#parts = parts
    this.#peer = peer
    this.#reader = reader
    this.#rate = new MessageRate(parts.messageRate, parts.wheel)
  }

  /** One whole message of a WebSocket. */
  onMessage(message: string | Uint8Array): void {
    if (this.#isClosed || !this.#mayTake(0, message.length)) return
    let frame: MuxFrame
    try {
      frame = decodeMessage(message, this.#peer.encoding)
    } catch (error) {
      this.#onError(error)
      return
    }
    this.#onFrame(frame)
  }

  /** Any piece of a stream. */
  onBytes(chunk: Uint8Array): void {
    if (this.#isClosed || !this.#mayTake(0, chunk.length)) return
    this.#decoder ??= createStreamDecoder(this.#peer.encoding, (frame) => this.#onFrame(frame))
    try {
      this.#decoder.push(chunk)
    } catch (error) {
      this.#onError(error)
    }
  }

  /** What still comes is not read, the rest of what is being read included. */
  close(): void {
    this.#isClosed = true
    this.#decoder = undefined
  }

  #onFrame(frame: MuxFrame): void {
    if (!this.#isClosed && this.#mayTake(1, 0)) this.#reader.onClientFrame(frame)
  }

  /** False: too much, which is a fault. */
  #mayTake(frames: number, bytes: number): boolean {
    const limit = this.#rate.take(frames, bytes)
    if (limit === undefined) return true
    const { limitObserver, messageRate } = this.#parts
    limitObserver.onLimit(limit, this.#peer.remote)
    const { messagesPerSecond, bytesPerSecond } = messageRate
    const most = limit === 'messages_per_second' ? `${messagesPerSecond} frames` : `${bytesPerSecond} bytes`
    this.#reader.onFault('rate_limited', `more than ${most} in a second`)
    return false
  }

  #onError(error: unknown): void {
    if (!(error instanceof MuxFrameError)) throw error
    this.#reader.onFault(error.code, error.message)
  }
}
