import { decodeJsonFrame } from './json-frames.ts'
import { type MuxFrame, MuxFrameError } from './mux-frame.ts'
import { PendingBytes } from './pending-bytes.ts'

/** A text of 64 KiB with every character escaped, and its header fields. */
const MAX_LINE_BYTES = 512 * 1024

const NEWLINE = 0x0a
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads JSON frames, one a line, out of bytes split anywhere. Empty lines are ignored and CR LF ends a line too, for those
 * who type by hand.
 */
export class NdjsonDecoder {
  readonly #onFrame: (frame: MuxFrame) => void
  readonly #pending = new PendingBytes()

  constructor(onFrame: (frame: MuxFrame) => void) {
    this.#onFrame = onFrame
  }

  /** @throws MuxFrameError, after which the connection is of no use; the frames before it have been delivered */
  push(bytes: Uint8Array): void {
    let from = 0
    for (;;) {
      const to = bytes.indexOf(NEWLINE, from)
      const part = bytes.subarray(from, to === -1 ? bytes.length : to)
      if (this.#pending.length + part.length > MAX_LINE_BYTES)
        throw new MuxFrameError(`a line of more than ${MAX_LINE_BYTES} bytes`, { code: 'too_large' })
      if (to === -1) {
        if (part.length > 0) this.#pending.append(part)
        return
      }
      if (this.#pending.length === 0) this.#line(part)
      else {
        this.#pending.append(part)
        this.#line(this.#pending.take())
      }
      from = to + 1
    }
  }

  #line(bytes: Uint8Array): void {
    let text: string
    try {
      text = utf8.decode(bytes)
    } catch (cause) {
      throw new MuxFrameError('a line that is not UTF-8', { cause })
    }
    if (text !== '' && text !== '\r') this.#onFrame(decodeJsonFrame(text))
  }
}
