import type { MessageMeta } from '../../exchange/exchange.ts'

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A line that no client shows and that keeps proxies from closing a quiet stream. */
export const SSE_COMMENT = ':\n\n'

/** One event of a `text/event-stream`: each line of the payload is a `data:` line. */
export function encodeEvent(payload: Uint8Array, meta: MessageMeta | undefined): string {
  let event = ''
  if (meta?.id !== undefined && isOneLine(meta.id)) event += `id: ${meta.id}\n`
  if (meta?.event !== undefined && isOneLine(meta.event)) event += `event: ${meta.event}\n`
  const text = decoder.decode(payload)
  if (!/[\r\n]/.test(text)) return `${event}data: ${text}\n\n`
  for (const line of text.split(/\r\n|\r|\n/)) event += `data: ${line}\n`
  return `${event}\n`
}

/** How long a client should wait before it connects again. */
export function encodeRetry(delayMs: number): string {
  return `retry: ${delayMs}\n\n`
}

/** A line break would begin another field; a NUL makes clients ignore an id. */
function isOneLine(value: string): boolean {
  return !/[\r\n\0]/.test(value)
}
