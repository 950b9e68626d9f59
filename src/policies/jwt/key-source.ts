import { isUtf8 } from 'node:buffer'
import { createPublicKey, type KeyObject } from 'node:crypto'
import { createReadStream } from 'node:fs'
import {
  type CryptoKey,
  createLocalJWKSet,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from 'jose'

/** Finds the key that a token says it is signed with. Rejects with an error of jose if there is none, or several. */
export type FindKey = (
  header: JWSHeaderParameters,
  token: FlattenedJWSInput,
) => Promise<CryptoKey | KeyObject | Uint8Array>

/** Where keys are, and how they are written down there. */
export interface KeySource {
  /** For the log: an address or a path. */
  readonly place: string
  readonly isRemote: boolean
  /** @throws if it is not what it should be */
  parse(text: Buffer): FindKey
}

const MAX_BYTES = 256 * 1024
const MIN_SECRET_BYTES = 32

export function jwksSource(place: string): KeySource {
  return {
    place,
    isRemote: isUrl(place),
    // It takes public keys alone, each for the algorithms that fit it.
    parse: (text) => createLocalJWKSet(parseJson(text) as JSONWebKeySet),
  }
}

/** The parser's own error would show in the log how a file begins that was meant for nobody. */
function parseJson(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString())
  } catch {
    throw new TypeError('it is not JSON')
  }
}

/** PEM: a public key, or a certificate. */
export function publicKeySource(place: string): KeySource {
  return {
    place,
    isRemote: false,
    parse(text) {
      const key = createPublicKey(text)
      return async () => key
    },
  }
}

export function secretSource(place: string): KeySource {
  return {
    place,
    isRemote: false,
    parse(text) {
      const secret = isUtf8(text) ? Buffer.from(text.toString().replace(/\r?\n$/, '')) : text
      if (secret.length < MIN_SECRET_BYTES) {
        throw new RangeError(`a secret has ${MIN_SECRET_BYTES} bytes at least (openssl rand -base64 48)`)
      }
      return async () => secret
    },
  }
}

export function isUrl(place: string): boolean {
  return place.includes('://')
}

/** @throws if it is not there, or too much */
export async function readKeys({ place, isRemote }: KeySource, signal: AbortSignal): Promise<Buffer> {
  // The stream is told where to stop, so that a file without an end has one.
  if (!isRemote) return collect(createReadStream(place, { end: MAX_BYTES, signal }))
  const accept = 'application/jwk-set+json, application/json'
  // Not where somebody else sends us: the operator has named the one who is trusted.
  const response = await fetch(place, { redirect: 'error', signal, headers: { accept } })
  if (!response.ok || response.body === null) {
    await response.body?.cancel()
    throw new Error(`status ${response.status}`)
  }
  return collect(response.body)
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const kept: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > MAX_BYTES) throw new RangeError(`more than ${MAX_BYTES} bytes`)
    kept.push(chunk)
  }
  return Buffer.concat(kept)
}
