import { encodeFields, type Fields, frameOf, parseFields } from './frame-fields.ts'
import { MAX_BODY_BYTES, type MuxBody, type MuxFrame, MuxFrameError } from './mux-frame.ts'

/**
 * A frame in binary is a header of 10 bytes and a payload, all numbers big-endian:
 *
 *     type u8 | flags u8 | id u32 | length of the payload u32 | payload
 *
 * Types: 1 open, 2 head, 3 data, 4 end, 5 reset, 6 credit, 7 ping, 8 pong, 9 goaway, 10 auth. The id of the last four is 0.
 *
 * Flags: 1 END, nothing follows: of `open` the opposite of `more`, of `head` and `data` their `end`. 2 TEXT, the body is
 * UTF-8 text. 4 FIELDS, the payload begins with fields. The others are 0, and ignored.
 *
 * With FIELDS the payload begins with u16, the length of the fields in bytes, and the fields: an object of JSON with the
 * names that the frame has as JSON, without `t`, `id`, `body`, `b64`, `more` and `end`. What is left of the payload is the
 * body, 64 KiB at most; an `open` or `head` with nothing left has none. So `{"t":"head","id":1,"status":200,"body":"hi","end":true}` is
 *
 *     02 07 00000001 00000012 000e {"status":200} hi
 */
export const HEADER_BYTES = 10

const END = 1
const TEXT = 2
const FIELDS = 4

const MAX_FIELDS_BYTES = 0xffff
/** Of the length and the braces. */
const FIELDS_OVERHEAD_BYTES = 4
const MAX_PAYLOAD_BYTES = 2 + MAX_FIELDS_BYTES + MAX_BODY_BYTES

const TYPES = ['', 'open', 'head', 'data', 'end', 'reset', 'credit', 'ping', 'pong', 'goaway', 'auth'] as const
const NUMBERS: Readonly<Record<MuxFrame['t'], number>> = {
  open: 1,
  head: 2,
  data: 3,
  end: 4,
  reset: 5,
  credit: 6,
  ping: 7,
  pong: 8,
  goaway: 9,
  auth: 10,
}

const NO_FIELDS: Fields = {}
const EMPTY = new Uint8Array(0)
const encoder = new TextEncoder()
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws MuxFrameError if the frame is too long for its numbers: header fields above 64 KiB, or a body */
export function encodeBinaryFrame(frame: MuxFrame): Uint8Array<ArrayBuffer> {
  const content = 'body' in frame ? frame.body : undefined
  const body = content === undefined ? EMPTY : typeof content === 'string' ? encoder.encode(content) : content
  if (body.length > MAX_BODY_BYTES)
    throw new MuxFrameError(`a body of more than ${MAX_BODY_BYTES} bytes`, { code: 'too_large' })
  const json = encodeFields(frame)
  // Room for the worst case, three bytes a character: to encode in place takes half the time of to encode and to copy.
  const out = new Uint8Array(HEADER_BYTES + FIELDS_OVERHEAD_BYTES + json.length * 3 + body.length)
  const view = new DataView(out.buffer)
  let at = HEADER_BYTES
  if (json !== '') {
    const { written } = encoder.encodeInto(`{${json}}`, out.subarray(at + 2))
    if (written > MAX_FIELDS_BYTES)
      throw new MuxFrameError(`fields of more than ${MAX_FIELDS_BYTES} bytes`, { code: 'too_large' })
    view.setUint16(at, written)
    at += 2 + written
  }
  out[0] = NUMBERS[frame.t]
  out[1] = (isLast(frame) ? END : 0) | (typeof content === 'string' ? TEXT : 0) | (json === '' ? 0 : FIELDS)
  view.setUint32(2, 'id' in frame ? frame.id : 0)
  view.setUint32(6, at - HEADER_BYTES + body.length)
  out.set(body, at)
  return out.subarray(0, at + body.length)
}

/** @throws MuxFrameError unless the message is one whole frame. A body of bytes is a view of the message. */
export function decodeBinaryFrame(message: Uint8Array): MuxFrame {
  if (message.length < HEADER_BYTES) throw new MuxFrameError('a frame shorter than its header')
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  if (HEADER_BYTES + payloadBytes(view) !== message.length) throw new MuxFrameError('a message that is not one frame')
  const flags = view.getUint8(1)
  let at = HEADER_BYTES
  let fields = NO_FIELDS
  if ((flags & FIELDS) !== 0) {
    const to = at + 2 + (at + 2 <= message.length ? view.getUint16(at) : 0)
    if (to > message.length) throw new MuxFrameError('fields that are longer than their frame')
    fields = parseFields(textOf(message.subarray(at + 2, to)))
    at = to
  }
  if (message.length - at > MAX_BODY_BYTES)
    throw new MuxFrameError(`a body of more than ${MAX_BODY_BYTES} bytes`, { code: 'too_large' })
  const t = TYPES[view.getUint8(0)]
  let body: MuxBody | undefined
  if ((flags & TEXT) !== 0) body = textOf(message.subarray(at))
  else if (at < message.length || t === 'data') body = message.subarray(at)
  return frameOf(t, view.getUint32(2), fields, body, (flags & END) !== 0)
}

/** @throws MuxFrameError for more than any frame may have, so that nobody waits for it */
export function payloadBytes(header: DataView): number {
  const bytes = header.getUint32(6)
  if (bytes > MAX_PAYLOAD_BYTES)
    throw new MuxFrameError(`a frame of more than ${MAX_PAYLOAD_BYTES} bytes`, { code: 'too_large' })
  return bytes
}

function isLast(frame: MuxFrame): boolean {
  if (frame.t === 'open') return frame.more !== true
  return (frame.t === 'head' || frame.t === 'data') && frame.end === true
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new MuxFrameError('text that is not UTF-8', { cause })
  }
}
