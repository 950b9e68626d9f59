import type { Claims } from '../../exchange/claims.ts'
import type { Identity } from '../../exchange/identity.ts'
import type { Revocation } from '../../exchange/revocation.ts'

/** A token that is said to be issued so far in the future, in milliseconds say, does not tell when it was. */
const MAX_AHEAD_MS = 60_000

/**
 * The tokens that are revoked, as the database has them, for all policies that take tokens. Replaced as a whole: what was
 * opened with a token that is revoked by now ends. While nothing is revoked a token costs one look at the size of a map.
 */
export class RevocationDirectory {
  /** The identities of tokens under which something lasts now. They are here, as a policy may go before they do. */
  readonly held: Set<Identity> = new Set()
  /** What else may let somebody in: what each policy remembers. */
  readonly #remembered = new Set<() => Iterable<Identity>>()
  readonly #now: () => number
  #revocations: ReadonlyMap<string, readonly Revocation[]> = new Map()

  /** @param now wall clock, since the epoch */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Whether a token counts no more. @param subjectId who its policy says it is, by `sub` or by another claim */
  isRevoked({ sub, jti, iss, iat }: Claims, subjectId: string): boolean {
    if (this.#revocations.size === 0) return false
    return (
      this.#has('jti', jti, iss, iat) ||
      this.#has('subject', subjectId, iss, iat) ||
      this.#has('subject', sub, iss, iat)
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
    this.#revocations = Map.groupBy(revocations, ({ kind, value }) => keyOf(kind, value))
    if (revocations.length === 0) return
    for (const identities of this.#remembered) this.#end(identities())
    // A copy: those whose last lease ends leave the set meanwhile.
    this.#end([...this.held])
  }

  #end(identities: Iterable<Identity>): void {
    for (const identity of identities) if (this.isRevoked(identity.claims, identity.subjectId)) identity.revoke()
  }

  #has(kind: Revocation['kind'], value: unknown, iss: unknown, iat: unknown): boolean {
    // Some issuers count their tokens.
    if (typeof value !== 'string' && typeof value !== 'number') return false
    const nowMs = this.#now()
    const found = this.#revocations.get(keyOf(kind, String(value)))
    return (
      found?.some(
        ({ issuer, revokedAtMs, expiresAtMs }) =>
          nowMs < expiresAtMs &&
          (issuer === undefined || issuer === iss) &&
          (kind === 'jti' || !isIssuedAfter(iat, revokedAtMs, nowMs)),
      ) ?? false
    )
  }
}

function keyOf(kind: Revocation['kind'], value: string): string {
  return `${kind} ${value}`
}

/**
 * `iat` is in whole seconds, of which it tells the beginning: one of the second of the revocation may have been issued
 * before it, and counts as such, and so does a token that does not say.
 */
function isIssuedAfter(iat: unknown, revokedAtMs: number, nowMs: number): boolean {
  if (typeof iat !== 'number') return false
  const issuedAtMs = iat * 1000
  return issuedAtMs > revokedAtMs && issuedAtMs <= nowMs + MAX_AHEAD_MS
}
