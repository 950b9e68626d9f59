import type { Dispatch, RequestHead } from '../exchange/exchange.ts'
import { withoutFields } from '../exchange/header-list.ts'
import { durationMs } from '../schema/duration.ts'
import { KeySet } from './jwt/key-set.ts'
import { jwksSource, type KeySource, publicKeySource, secretSource } from './jwt/key-source.ts'
import { type JwtOptions, jwtOptions, PUBLIC_ALGORITHMS, SECRET_ALGORITHMS } from './jwt/options.ts'
import { findBearer, findToken, withoutCookie, withoutParameter } from './jwt/token-place.ts'
import { hasProved, type TokenRules, TokenVerifier } from './jwt/token-verifier.ts'
import { definePolicy } from './policy.ts'

const NAME = 'jwt'

/** RFC 6750 section 3.1. Why a token is refused is in the log. */
const REFUSALS = { unauthorized: 'Bearer error="invalid_token"', forbidden: 'Bearer error="insufficient_scope"' }

const AUTHORIZATION: ReadonlySet<string> = new Set(['authorization'])

/** Lets those in who show a token that an issuer has signed. */
export const jwt = definePolicy({
  name: NAME,
  summary: 'Requires a JSON Web Token, whose claims the backend gets.',
  schema: jwtOptions,
  isShared: true,
  needsHeaders: true,
  files(options) {
    const { place, isRemote } = sourceOf(options)
    return isRemote ? [] : [place]
  },
  create(options, _route, { wheel, now, logger, revocations }) {
    const { from = {}, optional = false, maxTokens = 10_000 } = options
    const keys = new KeySet({
      source: sourceOf(options),
      now,
      logger,
      onChanged: () => verifier.onKeysChanged(),
    })
    const rules = rulesOf(options)
    const parts = { wheel, now, graceMs: durationMs(options.grace, 10_000) }
    const verifier = new TokenVerifier({ name: NAME, rules, keys, revocations, parts, maxTokens })
    const identify = (request: RequestHead) => {
      const token = findToken(request, from)
      return token === undefined ? undefined : verifier.verify(token)
    }
    const ownFields = new Set(rules.headers.map(([name]) => name))
    const tidyUp = (request: RequestHead) => {
      // Who was let in by another credential may have put anything there, and a backend would believe that it was checked.
      const bearer = findBearer(request)
      if (bearer !== undefined && !hasProved(bearer, request.identity)) {
        request.headers = withoutFields(request.headers, AUTHORIZATION)
      }
      if (from.query !== undefined) request.query = withoutParameter(request.query, from.query)
      if (from.cookie !== undefined) request.headers = withoutCookie(request.headers, from.cookie)
      if (ownFields.size > 0) request.headers = withoutFields(request.headers, ownFields)
    }
    return {
      authenticator: { challenge: 'Bearer', refusals: REFUSALS, optional, identify },
      wrap:
        (next: Dispatch): Dispatch =>
        (request, client) => {
          tidyUp(request)
          return next(request, client)
        },
      close() {
        keys.close()
        verifier.close()
      },
    }
  },
})

function sourceOf({ jwks, publicKeyFile, secretFile }: JwtOptions): KeySource {
  if (jwks !== undefined) return jwksSource(jwks)
  return publicKeyFile === undefined ? secretSource(secretFile!) : publicKeySource(publicKeyFile)
}

function rulesOf(options: JwtOptions): TokenRules {
  const { secretFile, audience = [], subject = 'sub', requireExp = true } = options
  return {
    algorithms: options.algorithms ?? (secretFile === undefined ? PUBLIC_ALGORITHMS : SECRET_ALGORITHMS),
    issuer: options.issuer,
    audiences: typeof audience === 'string' ? [audience] : audience,
    scopes: options.scopes ?? [],
    claims: Object.entries(options.claims ?? {}),
    subject,
    headers: Object.entries(options.headers ?? {}).map(([name, path]) => [name.toLowerCase(), path]),
    requireExp,
    toleranceS: durationMs(options.clockTolerance, 5000) / 1000,
  }
}
