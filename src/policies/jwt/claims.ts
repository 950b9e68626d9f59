import { type Claims, claimAt } from '../../exchange/claims.ts'

/** What a token has to say to be one of ours at all. */
export interface ClaimRules {
  readonly issuer: string | undefined
  /** One of them has to be an audience of the token; empty: whoever it is for. */
  readonly audiences: readonly string[]
  readonly requireExp: boolean
  readonly toleranceS: number
}

/** What a token has to say for its owner to be let in. */
export interface Permissions {
  /** All of them. */
  readonly scopes: readonly string[]
  /** Names or paths, with the value that each has to have, or to have among others. */
  readonly claims: readonly (readonly [path: string, value: unknown])[]
}

/** Why a token is not valid, for the log; undefined: it is, if its signature is. */
export function claimFault(claims: Claims, rules: ClaimRules, nowMs: number): string | undefined {
  const { exp, nbf, iss, aud } = claims
  const nowS = nowMs / 1000
  if (exp === undefined ? rules.requireExp : !isTime(exp)) return 'it has no time of expiry'
  if (isTime(exp) && nowS >= exp + rules.toleranceS) return 'it has expired'
  if (nbf !== undefined && !(isTime(nbf) && nowS >= nbf - rules.toleranceS)) return 'it is not valid yet'
  if (rules.issuer !== undefined && iss !== rules.issuer) return 'it is of another issuer'
  const { audiences } = rules
  if (audiences.length > 0 && !listOf(aud).some((one) => audiences.includes(String(one)))) {
    return 'it is for another audience'
  }
  return undefined
}

/** What the owner of a token lacks, for the log; undefined: nothing. */
export function permissionFault(claims: Claims, { scopes, claims: required }: Permissions): string | undefined {
  const granted = [claims.scope, claims.scp].flatMap((value) =>
    typeof value === 'string' ? value.split(' ') : listOf(value),
  )
  const missing = scopes.find((scope) => !granted.includes(scope))
  if (missing !== undefined) return `it lacks the scope ${missing}`
  const other = required.find(([path, value]) => !listOf(claimAt(claims, path)).includes(value))
  return other && `its claim ${other[0]} is another`
}

/**
 * As a header field tells it: text as it is, all else as JSON, with what a field cannot hold percent-encoded, and `%` too,
 * so that no two values look the same. Undefined: there is nothing to tell.
 */
export function claimText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.toWellFormed().replace(/^ +| +$|[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent)
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value]
}
