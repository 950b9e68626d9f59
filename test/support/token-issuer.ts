import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

export interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  readonly jwk: JWK
}

export async function createSigningKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

/** A token as an issuer signs it: for `alice`, for an hour, unless the claims say otherwise; undefined leaves one out. */
export function signToken(
  key: SigningKey,
  claims: Readonly<Record<string, unknown>> = {},
  nowMs = Date.now(),
): Promise<string> {
  const nowS = Math.floor(nowMs / 1000)
  const all = Object.entries({ sub: 'alice', iat: nowS, exp: nowS + 3600, ...claims })
  const payload = Object.fromEntries(all.filter(([, value]) => value !== undefined))
  return new SignJWT(payload).setProtectedHeader({ alg: key.alg, kid: key.kid }).sign(key.privateKey)
}

/** Serves a JSON Web Key Set, as an issuer does. */
export interface JwksServer {
  readonly url: string
  /** Answered so far. */
  readonly requests: number
  /** What it serves from now on. */
  keys: readonly SigningKey[]
  /** Answers wait for it. */
  gate: Promise<void> | undefined
  /** Undefined: the keys, as they should be. */
  answer: { readonly status: number; readonly body: string } | undefined
  close(): Promise<void>
}

export async function startJwksServer(keys: readonly SigningKey[]): Promise<JwksServer> {
  let requests = 0
  const http = createServer(async (_request, response) => {
    requests++
    await server.gate
    const { status, body } = server.answer ?? {
      status: 200,
      body: JSON.stringify({ keys: server.keys.map(({ jwk }) => jwk) }),
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const server: JwksServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/jwks`,
    get requests() {
      return requests
    },
    keys,
    gate: undefined,
    answer: undefined,
    async close() {
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  }
  return server
}

/** Whoever signs tokens: one key, and the server that tells it. */
export interface TokenIssuer {
  readonly key: SigningKey
  readonly jwks: JwksServer
  /** As `signToken`. */
  sign(claims?: Readonly<Record<string, unknown>>): Promise<string>
  close(): Promise<void>
}

export async function startTokenIssuer(): Promise<TokenIssuer> {
  const key = await createSigningKey('one')
  const jwks = await startJwksServer([key])
  return { key, jwks, sign: (claims) => signToken(key, claims), close: () => jwks.close() }
}
