import { timingSafeEqual } from 'node:crypto'
import type { ApiKeyRecord } from '../exchange/api-key.ts'
import { Identity, type IdentityParts } from '../exchange/identity.ts'

interface Known {
  readonly record: ApiKeyRecord
  /** Of those who have shown it; undefined: nobody has. */
  identity: Identity | undefined
}

/**
 * The API keys that are good, as the database has them. Replaced as a whole: what was opened with a key that is not there
 * any more, or is another one now, ends.
 */
export class ApiKeyDirectory {
  readonly #parts: IdentityParts
  #keys: ReadonlyMap<string, Known> | undefined

  constructor(parts: Omit<IdentityParts, 'graceMs'>) {
    this.#parts = { ...parts, graceMs: 0 }
  }

  /** Whether they are known at all. */
  get isLoaded(): boolean {
    return this.#keys !== undefined
  }

  find(id: string): ApiKeyRecord | undefined {
    return this.#keys?.get(id)?.record
  }

  /** One for all who show the key; it has to be there. */
  identityOf(id: string, provedBy: string): Identity {
    const known = this.#keys!.get(id)!
    const { subjectId, scopes, expiresAtMs } = known.record
    known.identity ??= new Identity({ subjectId, claims: { scopes }, provedBy, keyId: id, expiresAtMs }, this.#parts)
    return known.identity
  }

  replace(records: readonly ApiKeyRecord[]): void {
    const before = this.#keys ?? new Map<string, Known>()
    const after = new Map<string, Known>()
    for (const record of records) {
      const known = before.get(record.id)
      const identity = known !== undefined && isSame(known.record, record) ? known.identity : undefined
      after.set(record.id, { record, identity })
    }
    this.#keys = after
    for (const [id, { identity }] of before) if (after.get(id)?.identity !== identity) identity?.revoke()
  }
}

function isSame(a: ApiKeyRecord, b: ApiKeyRecord): boolean {
  return (
    a.subjectId === b.subjectId &&
    a.expiresAtMs === b.expiresAtMs &&
    a.scopes.join('\n') === b.scopes.join('\n') &&
    a.hash.length === b.hash.length &&
    timingSafeEqual(a.hash, b.hash)
  )
}
