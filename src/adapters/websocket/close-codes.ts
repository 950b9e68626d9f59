import { ERRORS, type ExchangeError } from '../../exchange/errors.ts'

export const NORMAL = 1000
/** What a close event says where the close frame had no code. */
export const NO_CODE = 1005
/** The connection ended without a close frame. */
export const ABNORMAL = 1006
export const TRY_AGAIN_LATER = 1013
const INTERNAL = 1011

/** HTTP statuses with a close code of the same number behind 4. */
const STATUSES: ReadonlySet<number> = new Set([400, 401, 403, 404, 408, 409, 429, 502, 503, 504])

/** For a backend that refuses the connection with a status of HTTP, 400 or above. */
export function closeCodeOfStatus(status: number): number {
  return STATUSES.has(status) ? 4000 + status : INTERNAL
}

export function closeCodeOfError(error: ExchangeError): number {
  const { status, close } = ERRORS[error.code]
  return error.status === status ? close : closeCodeOfStatus(error.status)
}
