/** What `connect` is given; undefined: nobody in particular. */
export type TokenOption = string | (() => string | undefined | Promise<string | undefined>) | undefined

const MAX_MARGIN_MS = 30_000
/** A clock that is wrong must not make us ask again and again. */
const MIN_DELAY_MS = 5000
/** A timer runs no longer: a later one would go off at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

/**
 * How long to wait before a token is renewed: until a little before it expires, if it is a JSON Web Token, which is read
 * and not verified. Undefined: nobody but the router knows when it expires.
 */
export function renewalDelayMs(token: string, nowMs: number): number | undefined {
  const { exp, iat } = readClaims(token)
  if (typeof exp !== 'number') return undefined
  const leftMs = exp * 1000 - nowMs
  // No token is older than it is: if the clock here is behind that of the issuer, this is less.
  const lifeMs = Math.min(leftMs, typeof iat === 'number' ? (exp - iat) * 1000 : leftMs)
  return Math.min(MAX_DELAY_MS, Math.max(MIN_DELAY_MS, lifeMs - Math.min(MAX_MARGIN_MS, lifeMs * 0.2)))
}

function readClaims(token: string): { readonly exp?: unknown; readonly iat?: unknown } {
  try {
    const payload = token.split('.')[1] ?? ''
    return Object(JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))))
  } catch {
    // It is a token of another kind.
    return {}
  }
}
