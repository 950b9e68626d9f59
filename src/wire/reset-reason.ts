/** In UTF-8. A reset has to get through, and percent-encoded the reason takes up to three times as much. */
const MAX_REASON_BYTES = 1024

/** What fits of a reason for people, in whole characters. */
export function cutReason(reason: string): string {
  // No character is shorter than a byte: what is behind these is cut in any case.
  const bytes = Buffer.from(reason.slice(0, MAX_REASON_BYTES))
  if (bytes.length <= MAX_REASON_BYTES) return bytes.toString()
  let end = MAX_REASON_BYTES
  while ((bytes[end]! & 0b1100_0000) === 0b1000_0000) end--
  return bytes.toString('utf8', 0, end)
}
