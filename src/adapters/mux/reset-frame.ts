import { ERRORS, type ExchangeError } from '../../exchange/errors.ts'
import type { MuxReset } from '../framing/mux-frame.ts'

/** A backend may have much to say. */
const MAX_DETAIL_LENGTH = 1024

/** What a client may know of an error. */
export function toReset(id: number, { code, status, detail }: ExchangeError, retryable: boolean): MuxReset {
  const text = detail ?? ERRORS[code].title
  return { t: 'reset', id, code, status, retryable, detail: text.slice(0, MAX_DETAIL_LENGTH) }
}
