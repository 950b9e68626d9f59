import { BinaryFrameDecoder } from '../framing/binary-frame-decoder.ts'
import { decodeBinaryFrame } from '../framing/binary-frames.ts'
import { decodeJsonFrame } from '../framing/json-frames.ts'
import { type MuxFrame, MuxFrameError } from '../framing/mux-frame.ts'
import { NdjsonDecoder } from '../framing/ndjson-decoder.ts'
import type { MuxEncoding } from './mux-socket.ts'

/** One message of a WebSocket. @throws MuxFrameError */
export function decodeMessage(message: string | Uint8Array, encoding: MuxEncoding): MuxFrame {
  if (encoding === 'json') {
    if (typeof message !== 'string') throw new MuxFrameError('a binary message, and the subprotocol is of text')
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
