import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { Dispatch, RequestHead } from '../exchange/exchange.ts'
import type { Authenticate } from '../exchange/route.ts'
import { PendingExchange, type PendingParts } from './pending-exchange.ts'
import type { Authenticator, Verdict } from './policy.ts'

/** For the log, where an operator looks for what is wrong. */
const NO_HEADERS =
  'no credential: a raw TCP connection has no header fields, only a client certificate can tell who it is'

/**
 * The first of them that finds a credential of its kind decides. One that is optional, among the defaults of all routes
 * say, does not open a route on which another asks for a credential.
 */
export function authenticateAny(authenticators: readonly Authenticator[]): Authenticate {
  const isOptional = authenticators.every(({ optional }) => optional)
  const challenges = [...new Set(authenticators.map(({ challenge }) => challenge))]

  const settle = (request: RequestHead, verdict: Verdict, asked?: Authenticator): ExchangeError | undefined => {
    if (verdict === undefined) {
      if (isOptional) return undefined
      challenge(request, challenges)
      return new ExchangeError('unauthorized', request.route?.kind === 'tcp' ? NO_HEADERS : 'no credential')
    }
    if (!(verdict instanceof ExchangeError)) {
      request.identity = verdict
      return undefined
    }
    const refusal = asked?.refusals?.[verdict.code]
    if (refusal !== undefined) challenge(request, [refusal])
    else if (verdict.code === 'unauthorized') challenge(request, challenges)
    return verdict
  }
  const askFrom = (request: RequestHead, index: number): ReturnType<Authenticate> => {
    for (let i = index; i < authenticators.length; i++) {
      const asked = authenticators[i]!
      const verdict = asked.identify(request)
      if (verdict instanceof Promise) {
        return verdict.then((late) => (late === undefined ? askFrom(request, i + 1) : settle(request, late, asked)))
      }
      if (verdict !== undefined) return settle(request, verdict, asked)
    }
    return settle(request, undefined)
  }
  return (request) => askFrom(request, 0)
}

/** Lets those in whose identity is known by now, be it from the connection's beginning. */
export function requireIdentity(authenticate: Authenticate, next: Dispatch, parts: PendingParts): Dispatch {
  const enter: Dispatch = (request, client) => {
    const told = request.identity?.backendHeaders
    if (told !== undefined) request.backendHeaders = [...(request.backendHeaders ?? []), ...told]
    return next(request, client)
  }
  return (request, client) => {
    if (request.identity !== undefined) {
      // A connection that was let in goes on through its grace, with what is asked over it.
      if (!request.identity.isOver) return enter(request, client)
      client.reset(new ExchangeError('unauthorized', `the credential of ${request.identity.subjectId} has expired`))
      return CLOSED_SIDE
    }
    const error = authenticate(request)
    if (error === undefined) return enter(request, client)
    if (error instanceof Promise) return new PendingExchange(error, request, client, enter, parts)
    client.reset(error)
    return CLOSED_SIDE
  }
}

/** RFC 9110 section 11.6.1. */
function challenge(request: RequestHead, challenges: readonly string[]): void {
  const fields = challenges.flatMap((scheme) => ['www-authenticate', scheme])
  request.responseHeaders = [...(request.responseHeaders ?? []), ...fields]
}
