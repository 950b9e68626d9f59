import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

export const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'] as const

export type Algorithm = (typeof ALGORITHMS)[number]

/** Who signs the tokens of a bench. */
export interface Issuer {
  readonly publicKey: KeyObject
  /** A token for an hour. */
  sign(subject: string): string
}

export function createIssuer(alg: Algorithm): Issuer {
  const { publicKey, privateKey } = generateKeys(alg)
  return {
    publicKey,
    sign(subject) {
      const exp = Math.floor(Date.now() / 1000) + 3600
      const claims = { iss: 'https://bench.example', aud: 'bench', sub: subject, scope: 'read write', exp }
      const signed = `${encode({ alg, kid: 'bench' })}.${encode(claims)}`
      const hash = alg === 'EdDSA' ? null : 'sha256'
      const signature = sign(hash, Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${signed}.${signature.toString('base64url')}`
    },
  }
}

function generateKeys(alg: Algorithm) {
  if (alg === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 })
  return alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
