import { compactVerify, decodeJwt, decodeProtectedHeader, errors } from 'jose'
import { type Claims, claimAt } from '../../exchange/claims.ts'
import { ExchangeError } from '../../exchange/errors.ts'
import type { HeaderList } from '../../exchange/exchange.ts'
import { Identity, type IdentityParts, isSubjectId } from '../../exchange/identity.ts'
import type { Verdict } from '../policy.ts'
import { RecentMap } from '../recent-map.ts'
import type { RevocationDirectory } from '../revocation-directory.ts'
import { type ClaimRules, claimFault, claimText, type Permissions, permissionFault } from './claims.ts'
import type { KeySet } from './key-set.ts'

const MAX_TOKEN_LENGTH = 8192
const MAX_HEADER_LENGTH = 4096

/** By which they were proved, whichever policy has done so. Not with the identities, which a log may have. */
const TOKENS = new WeakMap<Identity, string>()

/** Whether it is this token by which a client was let in. */
export function hasProved(token: string, identity: Identity | undefined): boolean {
  return identity !== undefined && TOKENS.get(identity) === token
}

export interface TokenRules extends ClaimRules, Permissions {
  /** Those that a token may be signed with. */
  readonly algorithms: readonly string[]
  /** The claim that says who it is. */
  readonly subject: string
  /** Fields for the backend: name in lower case, and the claim that it gets. */
  readonly headers: readonly (readonly [name: string, path: string])[]
}

export interface TokenVerifierOptions {
  /** For what this policy's identities are called. */
  readonly name: string
  readonly rules: TokenRules
  readonly keys: KeySet
  readonly revocations: RevocationDirectory
  readonly parts: Omit<IdentityParts, 'held'>
  /** Tokens that are kept once they are verified. */
  readonly maxTokens: number
}

/**
 * Tells whose a token is. What was verified is kept until it expires, so that a known token costs one lookup. All else is
 * looked at before a signature is: a bad token costs one check of it at most, and leaves nothing behind.
 */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions
  readonly #parts: IdentityParts
  /** Of identities that are its own. */
  /** Another one as soon as other keys count. */
  #known: RecentMap<string, Identity>
  /** Being verified: any number of requests with one token wait for one check. */
  readonly #pending = new Map<string, Promise<Verdict>>()
  readonly #remembered = () => this.#known.values()

  constructor(options: TokenVerifierOptions) {
    this.#options = options
    this.#parts = { ...options.parts, held: options.revocations.held }
    this.#known = new RecentMap(options.maxTokens)
    options.revocations.watch(this.#remembered)
  }

  verify(token: string): Verdict | Promise<Verdict> {
    const known = this.#known.get(token)
    const { keys, revocations } = this.#options
    // Once this is closed no revocation ends what is remembered, and requests under way may still ask.
    if (known !== undefined && !known.isExpired && !revocations.isRevoked(known.claims, known.subjectId)) {
      keys.refresh()
      return known
    }
    return this.#pending.get(token) ?? this.#check(token)
  }

  /** Other keys count from now on: tokens are verified anew, and what was opened with one that is not good any more ends. */
  onKeysChanged(): void {
    this.#known = new RecentMap(this.#options.maxTokens)
    // What lasts does so longer than its token may be known.
    for (const identity of this.#options.revocations.held) {
      const token = TOKENS.get(identity)
      if (token !== undefined && identity.policy === this.#parts) void this.#verifyAnew(token, identity)
    }
  }

  close(): void {
    this.#options.revocations.unwatch(this.#remembered)
  }

  #check(token: string): Verdict | Promise<Verdict> {
    if (token.length > MAX_TOKEN_LENGTH) return refused(`it has more than ${MAX_TOKEN_LENGTH} characters`)
    const claims = this.#readClaims(token)
    if (typeof claims === 'string') return refused(claims)
    const verdict = this.#verifyOnce(token, claims).finally(() => this.#pending.delete(token))
    this.#pending.set(token, verdict)
    return verdict
  }

  /** What the token says, or what is wrong with it, whoever may have signed it. */
  #readClaims(token: string): Claims | string {
    const { rules, parts } = this.#options
    try {
      const { alg, crit } = decodeProtectedHeader(token)
      if (alg === undefined || !rules.algorithms.includes(alg))
        return `its algorithm is ${JSON.stringify(alg)?.slice(0, 32)}`
      if (crit !== undefined) return 'it needs extensions of JWS'
      const claims = decodeJwt(token)
      const subjectId = claimAt(claims, rules.subject)
      if (typeof subjectId !== 'string' || !isSubjectId(subjectId)) {
        return `its claim ${rules.subject} is not 1 to 256 visible ASCII characters`
      }
      return claimFault(claims, rules, parts.now()) ?? this.#revocationFault(claims) ?? claims
    } catch {
      // jose says no more than that.
      return 'it is malformed'
    }
  }

  async #verifyOnce(token: string, claims: Claims): Promise<Verdict> {
    const known = this.#known
    const error = await this.#signatureError(token)
    // What was found out with keys from before says nothing any more.
    if (known !== this.#known) return this.#verifyOnce(token, claims)
    if (error !== undefined) return error
    // It may have been revoked meanwhile.
    const fault = this.#revocationFault(claims)
    if (fault !== undefined) return refused(fault)
    const { rules, name } = this.#options
    const missing = permissionFault(claims, rules)
    if (missing !== undefined) return new ExchangeError('forbidden', `a token is not enough: ${missing}`)
    const expiresAtMs = claims.exp === undefined ? undefined : (Number(claims.exp) + rules.toleranceS) * 1000
    const subjectId = this.#subjectOf(claims)
    const backendHeaders = this.#backendHeaders(claims)
    const identity = new Identity({ subjectId, claims, provedBy: name, expiresAtMs, backendHeaders }, this.#parts)
    TOKENS.set(identity, token)
    known.set(token, identity)
    return identity
  }

  async #verifyAnew(token: string, identity: Identity): Promise<void> {
    const known = this.#known
    const error = await this.#signatureError(token)
    if (known !== this.#known) return
    if (error === undefined) known.set(token, identity)
    else if (error.code === 'unauthorized') identity.revoke(error)
  }

  async #signatureError(token: string): Promise<ExchangeError | undefined> {
    const { keys } = this.#options
    let fault = await this.#signatureFault(token)
    if (fault === 'its key is not known' && (await keys.renew())) fault = await this.#signatureFault(token)
    if (fault === undefined) return undefined
    return fault === 'no keys' ? new ExchangeError('busy', 'there are no keys to verify tokens with') : refused(fault)
  }

  /** Undefined: it is good. */
  async #signatureFault(token: string): Promise<string | undefined> {
    const { keys, rules } = this.#options
    const find = await keys.keys()
    if (find === undefined) return 'no keys'
    try {
      await compactVerify(token, find, { algorithms: [...rules.algorithms] })
      return undefined
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return 'its key is not known'
      if (error instanceof errors.JWKSMultipleMatchingKeys)
        return 'it does not say which of several keys it is signed with'
      return `its signature is not good: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  #revocationFault(claims: Claims): string | undefined {
    return this.#options.revocations.isRevoked(claims, this.#subjectOf(claims)) ? 'it is revoked' : undefined
  }

  #subjectOf(claims: Claims): string {
    return String(claimAt(claims, this.#options.rules.subject))
  }

  #backendHeaders(claims: Claims): HeaderList | undefined {
    const { headers } = this.#options.rules
    const fields = headers.flatMap(([name, path]) => {
      // What is too long is left out, as if it were not there: a part of it would be another value.
      const text = claimText(claimAt(claims, path))
      return text === undefined || text.length > MAX_HEADER_LENGTH ? [] : [name, text]
    })
    return fields.length === 0 ? undefined : fields
  }
}

/** Why is for the log alone. */
function refused(fault: string): ExchangeError {
  return new ExchangeError('unauthorized', `a token is refused: ${fault}`)
}
