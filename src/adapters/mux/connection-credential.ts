import { ERRORS, type ExchangeError } from '../../exchange/errors.ts'
import type { HeaderList } from '../../exchange/exchange.ts'
import { type Identity, type IdentityHolder, Lease } from '../../exchange/identity.ts'
import type { MuxOutput } from './mux-output.ts'
import type { OpenRequest } from './open-request.ts'
import { renewCredential, withAuthorization } from './renew-credential.ts'

/**
 * What a connection says of who its client is, for requests that say nothing themselves: the fields of the handshake, in
 * which an `auth` puts another token. The answer to that goes out when those under way go on under it, or cannot.
 */
export class ConnectionCredential {
  readonly #output: MuxOutput
  readonly #holder: IdentityHolder
  #fields: HeaderList
  /** On whom it has proved, and lasts longest: the connection lasts no longer than that holds, also while nothing is open on it. */
  #lease: Lease | undefined
  #leased: Identity | undefined
  /** A new token is being looked at. */
  #isRenewing = false

  /** @param holder hears when the credential is good no more */
  constructor(fields: HeaderList, output: MuxOutput, holder: IdentityHolder) {
    this.#fields = fields
    this.#output = output
    this.#holder = holder
  }

  /** Another list for each credential, by which requests know theirs. */
  get fields(): HeaderList {
    return this.#fields
  }

  /** @param requests all that are under way */
  renew(authorization: string, requests: readonly OpenRequest[]): void {
    // What is still being let in by the one before ends with that.
    const concerned = requests.filter(({ credential, identity }) => credential !== undefined && identity !== undefined)
    if (this.#isRenewing) this.#output.write({ t: 'auth', code: 'busy', detail: 'One token after the other' })
    // At once, for an open right behind it.
    else if (concerned.length === 0) this.#take(authorization, [])
    else void this.#renew(authorization, concerned)
  }

  /** Whether it is this one, and no other, that has let a request in. */
  hasProved({ identity, credential }: OpenRequest): boolean {
    // What was opened while another one was looked at may outlive it, and a key, say, is of the one exchange that shows it.
    return identity !== undefined && identity.keyId === undefined && credential === this.#fields
  }

  /** Whether the exchange of a request has ended since this credential is good no more. */
  hasEnded(request: OpenRequest, error: ExchangeError): boolean {
    return error.code === 'unauthorized' && this.hasProved(request) && request.identity!.isOver
  }

  /** The exchange of a request is over. */
  onExchangeClosed(request: OpenRequest): void {
    const { identity } = request
    if (identity === this.#leased || !this.hasProved(request) || identity!.isOver) return
    if (this.#leased !== undefined && endOf(this.#leased) > endOf(identity!)) return
    this.close()
    this.#leased = identity
    this.#lease = new Lease(identity!, this.#holder)
  }

  close(): void {
    this.#lease?.end()
    this.#lease = undefined
    this.#leased = undefined
  }

  async #renew(authorization: string, requests: readonly OpenRequest[]): Promise<void> {
    this.#isRenewing = true
    const error = await renewCredential(requests, authorization)
    this.#isRenewing = false
    if (error === undefined) this.#take(authorization, requests)
    else this.#output.write({ t: 'auth', code: error.code, detail: error.detail ?? ERRORS[error.code].title })
  }

  #take(authorization: string, requests: readonly OpenRequest[]): void {
    this.close()
    this.#fields = withAuthorization(this.#fields, authorization)
    for (const request of requests) request.credential = this.#fields
    this.#output.write({ t: 'auth' })
  }
}

function endOf({ isOver, expiresAtMs = Number.POSITIVE_INFINITY }: Identity): number {
  return isOver ? 0 : expiresAtMs
}
