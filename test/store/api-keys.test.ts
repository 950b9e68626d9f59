import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ApiKeyRecord, hashApiKey } from '../../src/exchange/api-key.ts'
import { addApiKey, watchedApiKeys } from '../../src/store/api-keys.ts'
import { eventually } from '../support/eventually.ts'
import { createTestStore, type TestStore } from './migrated-database.ts'
import { NO_DATABASE, watchRows } from './rows-watch.ts'

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
})

function byId(records: readonly ApiKeyRecord[]): ApiKeyRecord[] {
  return records.toSorted((a, b) => a.id.localeCompare(b.id))
}
