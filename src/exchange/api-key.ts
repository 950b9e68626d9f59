/** API keys: `erk_<id>_<secret>`. The id may be seen and is looked up; of the whole key only a hash is kept. */
import { hash, randomBytes } from 'node:crypto'

/** What is known of a key, the key itself excepted. */
export interface ApiKeyRecord {
  /** 16 characters of base64url. */
  readonly id: string
  /** SHA-256 of the whole key. */
  readonly hash: Uint8Array
  /** Who it stands for. */
  readonly subjectId: string
  readonly scopes: readonly string[]
  /** Since the epoch; undefined: it does not expire. */
  readonly expiresAtMs: number | undefined
}

const ID_BYTES = 12
const SECRET_BYTES = 32
const KEY = /^erk_([A-Za-z0-9_-]{16})_[A-Za-z0-9_-]{43}$/

/** A key that nobody can guess. Its secret has 256 bits. */
export function createApiKey(): { readonly id: string; readonly key: string } {
  let id = ''
  // One that begins with a dash looks like an option to who writes it behind a verb.
  while (!/^[A-Za-z0-9]/.test(id)) id = randomBytes(ID_BYTES).toString('base64url')
  return { id, key: `erk_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}` }
}

/** The id of what looks like a key; undefined if it does not. */
export function apiKeyId(key: string): string | undefined {
  return KEY.exec(key)?.[1]
}

export function hashApiKey(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}
