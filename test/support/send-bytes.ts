import type { Stream } from '../../src/wire/stream.ts'

const CHUNK_BYTES = 64 * 1024

/** Sends so much as fast as it is let, and ends; `drained` is for the handler of the stream. */
export function sendBytes(stream: Stream, bytes: number): { readonly drained: () => void } {
  let sent = 0
  const drained = () => {
    while (sent < bytes) {
      sent += CHUNK_BYTES
      if (!stream.data(Buffer.alloc(CHUNK_BYTES, 'x'))) return
    }
    stream.end()
  }
  drained()
  return { drained }
}
