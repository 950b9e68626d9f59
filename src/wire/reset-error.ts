import { type ErrorCode, ExchangeError } from '../exchange/errors.ts'

/** The peer's reset as our end hears it. */
export function resetError(code: ErrorCode, status: number | undefined, reason: string | undefined): ExchangeError {
  return new ExchangeError(
    code,
    `the other end reset the stream: ${code}${reason === undefined ? '' : `: ${reason}`}`,
    {
      ...(status !== undefined && { status }),
      ...(reason !== undefined && { detail: reason }),
    },
  )
}
