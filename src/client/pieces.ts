import { MAX_BODY_BYTES, type MuxBody } from '../adapters/framing/mux-frame.ts'

const encoder = new TextEncoder()

/** What credit counts. */
export function byteLength(body: MuxBody): number {
  return typeof body === 'string' ? encoder.encode(body).length : body.length
}

/** Cuts a body into what frames can carry, one at least; text between characters. Bytes are views. */
export function piecesOf(body: MuxBody): MuxBody[] {
  if (body.length === 0) return [body]
  const pieces: MuxBody[] = []
  const scratch = new Uint8Array(typeof body === 'string' ? MAX_BODY_BYTES : 0)
  for (let at = 0; at < body.length; ) {
    const from = at
    if (typeof body === 'string') {
      at += encoder.encodeInto(body.slice(from, from + MAX_BODY_BYTES), scratch).read
      pieces.push(body.slice(from, at))
    } else {
      at += MAX_BODY_BYTES
      pieces.push(body.subarray(from, at))
    }
  }
  return pieces
}

/** The bytes of all pieces. */
export function concat(pieces: readonly MuxBody[]): Uint8Array {
  if (pieces.length === 1 && typeof pieces[0] === 'object') return pieces[0]
  const chunks = pieces.map((piece) => (typeof piece === 'string' ? encoder.encode(piece) : piece))
  const whole = new Uint8Array(chunks.reduce((bytes, chunk) => bytes + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}
