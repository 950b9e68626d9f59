import type { Claims } from './claims.ts'
import type { DeadlineWheel, WheelEntry } from './deadline-wheel.ts'
import { ExchangeError } from './errors.ts'
import type { HeaderList } from './exchange.ts'

export interface IdentityFacts {
  /** Who it is: one of a kind among all clients that the same policy lets in. Goes to the backend as `Sx-Subject-Id`. */
  readonly subjectId: string
  /** What else is known; of a token, its claims. */
  readonly claims: Claims
  /** The name of the policy that has proved it. */
  readonly provedBy: string
  /** Of the credential, where it has one: of an API key, say. Never the credential itself. */
  readonly keyId?: string | undefined
  /** In seconds since the epoch: when it was vouched for; undefined: when its claims say so, by `iat`. */
  readonly issuedAtS?: number | undefined
  /** Wall clock, since the epoch; undefined: it does not expire. */
  readonly expiresAtMs?: number | undefined
  /** What its policy tells the backend of it beside who it is. */
  readonly backendHeaders?: HeaderList | undefined
}

/** Whether a backend can be told of it unchanged: two that differ must never look the same to it. */
export function isSubjectId(text: string): boolean {
  return /^[\x21-\x7e]{1,256}$/.test(text)
}

/** Of one policy: what its identities share, by which they are known to be its own. */
export interface IdentityParts {
  readonly wheel: DeadlineWheel
  /** Wall clock, since the epoch. */
  readonly now: () => number
  /** What lasts goes on for so long after the expiry, for a new credential to come. */
  readonly graceMs: number
  /** Holds those under which something lasts now, for a policy that may have to end it; undefined: it never has. */
  readonly held?: Set<Identity>
}

/** What ends with the identity that it was opened with. */
export interface IdentityHolder {
  onRevoked(error: ExchangeError): void
}

/**
 * Who a client is, as long as that holds. Exchanges of one credential may share it. States: valid -> revoked, by `revoke`
 * or when the grace after the expiry is over; then every lease on it ends, and each new one at once.
 */
export class Identity implements WheelEntry {
  wheelNext: WheelEntry | undefined = undefined
  wheelPrev: WheelEntry | undefined = undefined
  wheelDue = 0
  wheelSlot = -1

  readonly subjectId: string
  readonly claims: Claims
  readonly provedBy: string
  readonly keyId: string | undefined
  readonly issuedAtS: number | undefined
  readonly expiresAtMs: number | undefined
  readonly backendHeaders: HeaderList | undefined
  readonly #parts: IdentityParts
  readonly #leases = new Set<Lease>()
  #revoked: ExchangeError | undefined

  constructor(facts: IdentityFacts, parts: IdentityParts) {
    this.subjectId = facts.subjectId
    this.claims = facts.claims
    this.provedBy = facts.provedBy
    this.keyId = facts.keyId
    this.issuedAtS = facts.issuedAtS
    this.expiresAtMs = facts.expiresAtMs
    this.backendHeaders = facts.backendHeaders
    this.#parts = parts
  }

  /** It lets nobody in any more, although a lease may still be in its grace. */
  get isExpired(): boolean {
    return this.#revoked !== undefined || (this.expiresAtMs !== undefined && this.#parts.now() >= this.expiresAtMs)
  }

  /** What was opened with it lasts no longer either. */
  get isOver(): boolean {
    return this.#revoked !== undefined || (this.expiresAtMs !== undefined && this.#msLeft() <= 0)
  }

  /** Which policy has proved it: the same object for all of its own. Two policies of a kind have one name and are two. */
  get policy(): object {
    return this.#parts
  }

  /** Whether another credential is of the same client: two policies may know two by the same name. */
  isSameClient(other: Identity): boolean {
    return this.subjectId === other.subjectId && this.#parts === other.#parts
  }

  /** What lasts under it now. */
  get leases(): number {
    return this.#leases.size
  }

  /** For those who know that the credential is not good any more: ends every lease. */
  revoke(error = new ExchangeError('unauthorized', `the credential of ${this.subjectId} is revoked`)): void {
    if (this.#revoked !== undefined) return
    this.#revoked = error
    this.#parts.wheel.cancel(this)
    for (const lease of [...this.#leases]) lease.revoke(error)
  }

  onDeadline(): void {
    // The wall clock may have been set back meanwhile.
    if (this.#msLeft() > 0) this.#schedule()
    else this.revoke(new ExchangeError('unauthorized', `the credential of ${this.subjectId} has expired`))
  }

  /** @returns why it ended at once, if it did */
  addLease(lease: Lease): ExchangeError | undefined {
    if (this.#revoked !== undefined) return this.#revoked
    this.#leases.add(lease)
    if (this.#leases.size > 1) return undefined
    this.#parts.held?.add(this)
    if (this.expiresAtMs !== undefined) this.#schedule()
    return undefined
  }

  removeLease(lease: Lease): void {
    this.#leases.delete(lease)
    if (this.#leases.size > 0) return
    this.#parts.held?.delete(this)
    this.#parts.wheel.cancel(this)
  }

  #schedule(): void {
    this.#parts.wheel.schedule(this, this.#msLeft())
  }

  #msLeft(): number {
    return (this.expiresAtMs ?? Number.POSITIVE_INFINITY) + this.#parts.graceMs - this.#parts.now()
  }
}

/**
 * What lasts, bound to who opened it: a stream, a connection. States: held -> ended by its holder, or revoked, of which
 * the holder hears once. `renew` moves it to a newer credential of the same client.
 */
export class Lease {
  #identity: Identity | undefined
  readonly #holder: IdentityHolder

  /** The holder may hear of the end before this returns. */
  constructor(identity: Identity, holder: IdentityHolder) {
    this.#holder = holder
    this.#hold(identity)
  }

  renew(identity: Identity): void {
    if (this.#identity === undefined) return
    this.#identity.removeLease(this)
    this.#hold(identity)
  }

  end(): void {
    this.#identity?.removeLease(this)
    this.#identity = undefined
  }

  revoke(error: ExchangeError): void {
    if (this.#identity === undefined) return
    this.end()
    this.#holder.onRevoked(error)
  }

  #hold(identity: Identity): void {
    this.#identity = identity
    const error = identity.addLease(this)
    if (error === undefined) return
    this.#identity = undefined
    this.#holder.onRevoked(error)
  }
}
