/**
 * What `download` streams, from byte `from` up to `to`, both divisible by four or the end: the numbers from 0 on, four
 * bytes each, big-endian.
 */
export function numbers(from: number, to: number): Buffer {
  const buffer = Buffer.alloc(to - from)
  for (let at = 0; at + 4 <= buffer.length; at += 4) buffer.writeUInt32BE((from + at) / 4, at)
  return buffer
}
