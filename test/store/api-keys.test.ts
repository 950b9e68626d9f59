import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ApiKeyRecord, hashApiKey } from '../../src/exchange/api-key.ts'
import { addApiKey, watchedApiKeys } from '../../src/store/api-keys.ts'
import { TableWatch } from '../../src/store/table-watch.ts'
import { watched } from '../../src/store/watched-table.ts'
import { eventually } from '../support/eventually.ts'
import { createTestLogger, createTestStore, type TestStore } from './migrated-database.ts'

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

  /** What a router with this database and this directory knows of the keys once it has started. */
  async function known(url: string): Promise<readonly ApiKeyRecord[]> {
    const file = join(directory, 'keys')
    let known: readonly ApiKeyRecord[] = []
    const table = watchedApiKeys(file, (keys) => {
      known = keys
    })
    const { logger } = createTestLogger()
    const watch = new TableWatch({ url, logger, pollIntervalMs: 60_000, tables: [watched(table)] })
    await watch.start()
    await eventually('it is on disk', async () => (await stat(file)).size > 0)
    await watch.stop()
    return known
  }

  test('keeps of each key on disk what it knows from the database, and not the key', async () => {
    const expiresAt = new Date('2100-01-31T00:00:00Z')
    const key = { name: 'ci', subjectId: 'alice', scopes: ['a', 'b'] }
    const lasting = await addApiKey(store.db, { ...key, expiresAt: undefined })
    const expiring = await addApiKey(store.db, { ...key, expiresAt })
    const fromDatabase = (await known(store.url)).toSorted(
      (a, b) => Number(a.id === expiring.id) - Number(b.id === expiring.id),
    )
    assert.deepEqual(
      fromDatabase,
      [lasting, expiring].map(({ id, key: text }) => ({
        id,
        hash: hashApiKey(text),
        subjectId: 'alice',
        scopes: ['a', 'b'],
        expiresAtMs: id === expiring.id ? expiresAt.getTime() : undefined,
      })),
    )
    const fromDisk = await known('postgres://nobody@127.0.0.1:1/none')
    assert.deepEqual(
      new Map(fromDisk.map((record) => [record.id, record])),
      new Map(fromDatabase.map((record) => [record.id, record])),
    )
  })
})
