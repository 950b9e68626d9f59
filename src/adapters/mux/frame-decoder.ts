import { BinaryFrameDecoder } from '../framing/binary-frame-decoder.ts'
import { decodeBinaryFrame } from '../framing/binary-frames.ts'
import { decodeJsonFrame } from '../framing/json-frames.ts'
import { type MuxFrame, MuxFrameError } from '../framing/mux-frame.ts'
import { NdjsonDecoder } from '../framing/ndjson-decoder.ts'
import type { MuxEncoding } from './mux-socket.ts'

/** In characters; as long as a line over TCP may be in bytes. Before it is parsed, which is the work. */
const MAX_TEXT_LENGTH = 512 * 1024

/** One message of a WebSocket. @throws MuxFrameError */
export function decodeMessage(message: string | Uint8Array, encoding: MuxEncoding): MuxFrame {
  if (encoding === 'json') {
    if (typeof message !== 'string') throw new MuxFrameError('a binary message, and the subprotocol is of text')
    if (message.length > MAX_TEXT_LENGTH) {
      throw new MuxFrameError(`a message of more than ${MAX_TEXT_LENGTH} characters`, { code: 'too_large' })
    }
    return decodeJsonFrame(message)
  }
  if (typeof message === 'string') throw new MuxFrameError('a text message, and the subprotocol is binary')
  return decodeBinaryFrame(message)
}

/** Reads a stream of bytes. `push` throws MuxFrameError. */
export interface StreamDecoder {
  push(bytes: Uint8Array): void
}

export function createStreamDecoder(encoding: MuxEncoding, onFrame: (frame: MuxFrame) => void): StreamDecoder {
  return encoding === 'json' ? new NdjsonDecoder(onFrame) : new BinaryFrameDecoder(onFrame)
}
