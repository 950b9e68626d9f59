import { ERRORS, type ExchangeError } from '../../exchange/errors.ts'
import type { HeaderList } from '../../exchange/exchange.ts'
import type { MuxOutput } from './mux-output.ts'
import type { OpenRequest } from './open-request.ts'
import { renewCredential, withAuthorization } from './renew-credential.ts'

/**
 * What a connection says of who its client is, for requests that say nothing themselves: the fields of the handshake, in
 * which an `auth` puts another token. The answer to that goes out when those under way go on under it, or cannot.
 */
export class ConnectionCredential {
  readonly #output: MuxOutput
  #fields: HeaderList
  /** A new token is being looked at. */
  #isRenewing = false

  constructor(fields: HeaderList, output: MuxOutput) {
    this.#fields = fields
    this.#output = output
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

  /** Whether the exchange of a request has ended since this credential, and no other, is good no more. */
  hasEnded({ identity, credential }: OpenRequest, error: ExchangeError): boolean {
    if (error.code !== 'unauthorized' || !identity?.isExpired) return false
    // What was opened while another one was looked at may outlive it, and a key, say, is of the one exchange that shows it.
    return credential === this.#fields && identity.keyId === undefined
  }

  async #renew(authorization: string, requests: readonly OpenRequest[]): Promise<void> {
    this.#isRenewing = true
    const error = await renewCredential(requests, authorization)
    this.#isRenewing = false
    if (error === undefined) this.#take(authorization, requests)
    else this.#output.write({ t: 'auth', code: error.code, detail: error.detail ?? ERRORS[error.code].title })
  }

  #take(authorization: string, requests: readonly OpenRequest[]): void {
    this.#fields = withAuthorization(this.#fields, authorization)
    for (const request of requests) request.credential = this.#fields
    this.#output.write({ t: 'auth' })
  }
}
