/** Tokens that count no more although they have not expired: all of a subject that were issued by then, or one by its id. */
export interface Revocation {
  /** Which claim of a token `value` is: `sub`, or the one that a policy takes for it, or `jti`. */
  readonly kind: 'subject' | 'jti'
  readonly value: string
  /** `iss` of the token; undefined: any. */
  readonly issuer: string | undefined
  /** Since the epoch. */
  readonly revokedAtMs: number
  /** Since the epoch. From then on it says nothing: by then all that it speaks of has expired by itself. */
  readonly expiresAtMs: number
}

/** Whether a revocation can name it, be it a subject, the id of a token or an issuer. */
export function isRevocable(text: string): boolean {
  return /^\P{Cc}{1,256}$/u.test(text)
}
