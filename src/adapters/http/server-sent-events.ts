import { TextDecoder } from 'node:util'
import type { MessageMeta } from '../../exchange/exchange.ts'

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A line that no client shows and that keeps proxies from closing a quiet stream. */
export const SSE_COMMENT = ':\n\n'

/** The events of one `text/event-stream`: each line of a payload is a `data:` line. */
export class EventEncoder {
  #decoder: TextDecoder | undefined
  #isWithin = false
  /** The part before ended with a CR: an LF that begins the next one belongs to it. */
  #endedWithCr = false

  /** An event has begun whose end has yet to come: anything else that is written now would cut it. */
  get isWithin(): boolean {
    return this.#isWithin
  }

  /** One event, or a part of one, whose name and id are those of its first part. */
  encode(payload: Uint8Array, meta: MessageMeta | undefined): string {
    const isLast = meta?.fin !== false
    if (isLast && !this.#isWithin) return `${encodeStart(meta)}${encodeLines(decoder.decode(payload))}\n\n`
    let event = this.#isWithin ? '' : encodeStart(meta)
    this.#decoder ??= new TextDecoder('utf-8', { ignoreBOM: true })
    let text = this.#decoder.decode(payload, { stream: !isLast })
    if (text !== '') {
      if (this.#endedWithCr && text.startsWith('\n')) text = text.slice(1)
      this.#endedWithCr = text.endsWith('\r')
      event += encodeLines(text)
    }
    this.#isWithin = !isLast
    if (!isLast) return event
    this.#endedWithCr = false
    return `${event}\n\n`
  }
}

function encodeStart(meta: MessageMeta | undefined): string {
  let start = ''
  if (meta?.id !== undefined && isOneLine(meta.id)) start += `id: ${meta.id}\n`
  if (meta?.event !== undefined && isOneLine(meta.event)) start += `event: ${meta.event}\n`
  return `${start}data: `
}

function encodeLines(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/\r\n|\r|\n/g, '\ndata: ') : text
}

/** How long a client should wait before it connects again. */
export function encodeRetry(delayMs: number): string {
  return `retry: ${delayMs}\n\n`
}

/** A line break would begin another field; a NUL makes clients ignore an id. */
function isOneLine(value: string): boolean {
  return !/[\r\n\0]/.test(value)
}
