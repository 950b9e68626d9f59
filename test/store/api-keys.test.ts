import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ApiKeyRecord, hashApiKey } from '../../src/exchange/api-key.ts'
import { addApiKey, listApiKeys, watchedApiKeys } from '../../src/store/api-keys.ts'
import { eventually } from '../support/eventually.ts'
import { createTestStore, type TestStore } from './migrated-database.ts'
import { NO_DATABASE, watchRows } from './rows-watch.ts'

/** Of ECMAScript: no `Date` is further from the epoch. */
const MAX_DATE_MS = 8.64e15

describe('the watch of API keys', () => {
  let store: TestStore
  let directory: string

  before(async () => {
    store = await createTestStore()
    directory = await mkdtemp(join(tmpdir(), 'engine-router-api-keys-'))
  })

  after(async () => {
    await store.drop()
    await rm(directory, { recursive: true })
  })

  test('keeps of each key on disk what it knows from the database, and not the key', async () => {
    const file = join(directory, 'keys')
    const expiresAt = new Date('2100-01-31T00:00:00Z')
    const wanted = { name: 'ci', subjectId: 'alice', scopes: ['a', 'b'] }
    const lasting = await addApiKey(store.db, { ...wanted, expiresAt: undefined })
    const expiring = await addApiKey(store.db, { ...wanted, expiresAt })
    const recordOf = ({ id, key }: typeof lasting, expiresAtMs: number | undefined): ApiKeyRecord => {
      return { id, hash: hashApiKey(key), subjectId: 'alice', scopes: ['a', 'b'], expiresAtMs }
    }
    const expected = byId([recordOf(lasting, undefined), recordOf(expiring, expiresAt.getTime())])
    for (const url of [store.url, NO_DATABASE]) {
      const { watch, rows } = watchRows(url, file, watchedApiKeys, ({ id }) => id)
      await watch.start()
      assert.deepEqual(byId(rows()), expected, url)
      await eventually('it is on disk', async () => (await stat(file)).size > 0)
      await watch.stop()
    }
    const text = await readFile(file, 'utf8')
    for (const { key } of [lasting, expiring]) assert.ok(!text.includes(key))
  })

  test('knows every key, where the times of one are beyond all dates', async () => {
    await store.psql('delete from api_keys')
    const expected: [string, number][] = []
    for (const [expires, expiresAtMs] of [
      ['infinity', MAX_DATE_MS],
      ['290000-01-01', MAX_DATE_MS],
      ['-infinity', -MAX_DATE_MS],
      ['2100-01-31Z', Date.parse('2100-01-31T00:00:00Z')],
    ] as const) {
      const { id } = await addApiKey(store.db, { name: 'odd', subjectId: 'alice', scopes: [], expiresAt: undefined })
      await store.psql(`update api_keys set expires_at = $2, created_at = 'infinity' where id = $1`, [id, expires])
      expected.push([id, expiresAtMs])
    }
    expected.sort()
    const { watch, rows } = watchRows(store.url, join(directory, 'odd'), watchedApiKeys, ({ id }) => id)
    await watch.start()
    await watch.stop()
    assert.deepEqual(
      rows()
        .map(({ id, expiresAtMs }) => [id, expiresAtMs])
        .sort(),
      expected,
    )

    await store.psql(`update api_keys set revoked_at = 'infinity'`)
    const listed = await listApiKeys(store.db)
    assert.deepEqual(listed.map(({ id, expiresAt }) => [id, expiresAt?.getTime()]).sort(), expected)
    for (const { createdAt, revokedAt } of listed) {
      assert.deepEqual([createdAt.getTime(), revokedAt?.getTime()], [MAX_DATE_MS, MAX_DATE_MS])
    }
  })
})

function byId(records: readonly ApiKeyRecord[]): ApiKeyRecord[] {
  return records.toSorted((a, b) => a.id.localeCompare(b.id))
}
