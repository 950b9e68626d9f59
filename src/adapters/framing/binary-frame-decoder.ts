import { decodeBinaryFrame, HEADER_BYTES, payloadBytes } from './binary-frames.ts'
import type { MuxFrame } from './mux-frame.ts'
import { PendingBytes } from './pending-bytes.ts'

/** Reads binary frames out of bytes split anywhere. A body of bytes is good until the callback returns. */
export class BinaryFrameDecoder {
  readonly #onFrame: (frame: MuxFrame) => void
  readonly #pending = new PendingBytes()

  constructor(onFrame: (frame: MuxFrame) => void) {
    this.#onFrame = onFrame
  }

  /** @throws MuxFrameError, after which the connection is of no use; the frames before it have been delivered */
  push(bytes: Uint8Array): void {
    let rest = bytes
    while (rest.length > 0) {
      if (this.#pending.length > 0) {
        const missing = missingBytes(this.#pending.bytes)
        this.#pending.append(rest.subarray(0, missing))
        rest = rest.subarray(missing)
        if (missingBytes(this.#pending.bytes) === 0) this.#onFrame(decodeBinaryFrame(this.#pending.take()))
        continue
      }
      const to = rest.length + missingBytes(rest)
      if (to > rest.length) this.#pending.append(rest)
      else this.#onFrame(decodeBinaryFrame(rest.subarray(0, to)))
      rest = rest.subarray(to)
    }
  }
}

/**
 * How many bytes a frame's beginning lacks: first of its header, then of its payload; negative if there is more than the
 * frame.
 */
function missingBytes(begun: Uint8Array): number {
  if (begun.length < HEADER_BYTES) return HEADER_BYTES - begun.length
  return HEADER_BYTES + payloadBytes(new DataView(begun.buffer, begun.byteOffset, HEADER_BYTES)) - begun.length
}
