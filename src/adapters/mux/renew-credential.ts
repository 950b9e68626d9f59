import { ExchangeError } from '../../exchange/errors.ts'
import type { HeaderList, RequestHead } from '../../exchange/exchange.ts'
import { withoutFields } from '../../exchange/header-list.ts'
import type { Identity } from '../../exchange/identity.ts'

/** Of what HTTP takes as a field, and as much of it as a policy looks at. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/
const AUTHORIZATION: ReadonlySet<string> = new Set(['authorization'])

/** The value of `authorization` for a token; undefined if it is none. */
export function authorizationOf(token: string | undefined): string | undefined {
  return token !== undefined && TOKEN.test(token) ? `Bearer ${token}` : undefined
}

/** The fields with another `authorization`. */
export function withAuthorization(fields: HeaderList, authorization: string): HeaderList {
  return [...withoutFields(fields, AUTHORIZATION), 'authorization', authorization]
}

/**
 * Lets requests go on under a new credential of their client: all of them, or none if it is not good for one, or is of
 * another client. What was let in by other means is left as it is.
 */
export async function renewCredential(
  requests: readonly RequestHead[],
  authorization: string,
): Promise<ExchangeError | undefined> {
  const identities = await Promise.all(requests.map((request) => identify(request, authorization)))
  const error = identities.find((identity) => identity instanceof ExchangeError)
  if (error !== undefined) return error
  for (const [i, request] of requests.entries()) {
    const identity = identities[i] as Identity | undefined
    if (identity === undefined) continue
    request.identity = identity
    request.lease?.renew(identity)
  }
  return undefined
}

/** Who the request would be of; undefined: that is no question of this credential. */
async function identify(request: RequestHead, authorization: string): Promise<Identity | ExchangeError | undefined> {
  const { route, identity } = request
  if (identity === undefined || route?.authenticate === undefined) return undefined
  // What has an id of its own, such as an API key, was shown beside the connection's token, and may be all that counts there.
  if (identity.keyId !== undefined) return undefined
  const headers = withAuthorization(request.headers, authorization)
  const probe: RequestHead = { ...request, headers, identity: undefined, lease: undefined }
  const error = await route.authenticate(probe)
  if (error !== undefined) return error
  if (probe.identity?.provedBy !== identity.provedBy) return undefined
  if (identity.isSameClient(probe.identity)) return probe.identity
  return new ExchangeError('forbidden', 'a token of another client', { detail: 'The token is of another client' })
}
