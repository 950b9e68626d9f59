/**
 * What `download` streams, from byte `from` up to `to`, both divisible by four or the end: the numbers from 0 on, four
 * bytes each, big-endian.
 */
export function numbers(from: number, to: number): Buffer {
  const buffer = Buffer.alloc(to - from)
  for (let at = 0; at + 4 <= buffer.length; at += 4) buffer.writeUInt32BE((from + at) / 4, at)
  return buffer
}

/** What `download` streams unless it is told how much. */
export const DOWNLOAD_BYTES = 16 * 1024 * 1024

let download: Buffer | undefined

/** All of that. */
export function wholeDownload(): Buffer {
  download ??= numbers(0, DOWNLOAD_BYTES)
  return download
}
