import type { Claims } from '../exchange/claims.ts'
import type { Identity } from '../exchange/identity.ts'
import type { Revocation } from '../exchange/revocation.ts'

/** A token that is said to be issued so far in the future, in milliseconds say, does not tell when it was. */
const MAX_AHEAD_MS = 60_000

/** By what a token says, which may be anything. */
type Index = ReadonlyMap<unknown, readonly Revocation[]>

const NONE: Index = new Map()

/**
 * The tokens that are revoked, as the database has them, for all policies that take tokens. Replaced as a whole: what was
 * opened with a token that is revoked by now ends. While nothing is revoked a token costs one look at the size of maps.
 */
export class RevocationDirectory {
  /** The identities of tokens under which something lasts now. They are here, as a policy may go before they do. */
  readonly held: Set<Identity> = new Set()
  /** What else may let somebody in: what each policy remembers. */
  readonly #remembered = new Set<() => Iterable<Identity>>()
  readonly #now: () => number
  #bySubject = NONE
  #byId = NONE

  /** @param now wall clock, since the epoch */
  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * Whether a token counts no more.
   * @param subjectId who its policy says it is, by `sub` or by another claim
   * @param issuedAtS since the epoch
   */
  isRevoked(claims: Claims, subjectId: string, issuedAtS: unknown = claims.iat): boolean {
    if (this.#bySubject.size + this.#byId.size === 0) return false
    const { sub, jti, iss } = claims
    return (
      this.#isAmong(this.#bySubject.get(subjectId), iss, issuedAtS) ||
      (sub !== subjectId && this.#isAmong(this.#bySubject.get(keyOf(sub)), iss, issuedAtS)) ||
      this.#isAmong(this.#byId.get(keyOf(jti)), iss, issuedAtS)
    )
  }

  /** @param identities those that would let somebody in without a question */
  watch(identities: () => Iterable<Identity>): void {
    this.#remembered.add(identities)
  }

  unwatch(identities: () => Iterable<Identity>): void {
    this.#remembered.delete(identities)
  }

  replace(revocations: readonly Revocation[]): void {
    const { subject = [], jti = [] } = Object.groupBy(revocations, ({ kind }) => kind)
    this.#bySubject = Map.groupBy(subject, ({ value }) => value)
    this.#byId = Map.groupBy(jti, ({ value }) => value)
    if (revocations.length === 0) return
    for (const identities of this.#remembered) this.#end(identities())
    // A copy: those whose last lease ends leave the set meanwhile.
    this.#end([...this.held])
  }

  #end(identities: Iterable<Identity>): void {
    for (const identity of identities) {
      if (this.isRevoked(identity.claims, identity.subjectId, identity.issuedAtS)) identity.revoke()
    }
  }

  #isAmong(revocations: readonly Revocation[] | undefined, iss: unknown, issuedAtS: unknown): boolean {
    if (revocations === undefined) return false
    const nowMs = this.#now()
    return revocations.some(
      ({ kind, issuer, revokedAtMs, expiresAtMs }) =>
        nowMs < expiresAtMs &&
        (issuer === undefined || issuer === iss) &&
        (kind === 'jti' || !isIssuedAfter(issuedAtS, revokedAtMs, nowMs)),
    )
  }
}

/** Some issuers count their clients and tokens. */
function keyOf(claim: unknown): unknown {
  return typeof claim === 'number' ? String(claim) : claim
}

/**
 * `iat` of a token is in whole seconds, of which it tells the beginning: one of the second of the revocation may have been
 * issued before it, and counts as such, and so does a token that does not say.
 */
function isIssuedAfter(issuedAtS: unknown, revokedAtMs: number, nowMs: number): boolean {
  if (typeof issuedAtS !== 'number') return false
  const issuedAtMs = issuedAtS * 1000
  return issuedAtMs > revokedAtMs && issuedAtMs <= nowMs + MAX_AHEAD_MS
}
