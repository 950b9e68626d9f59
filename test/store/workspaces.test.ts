import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { migrateDown, migrateUp } from '../../src/store/migrations.ts'
import { addWorkspace, deleteWorkspace, listWorkspaces, watchedWorkspaces } from '../../src/store/workspaces.ts'
import { eventually } from '../support/eventually.ts'
import { createTestStore, type TestStore } from './migrated-database.ts'
import { NO_DATABASE, watchRows } from './rows-watch.ts'

describe('the watch of workspaces', () => {
  let store: TestStore
  let directory: string

  before(async () => {
    store = await createTestStore()
    directory = await mkdtemp(join(tmpdir(), 'engine-router-workspaces-'))
  })

  after(async () => {
    await store.drop()
    await rm(directory, { recursive: true })
  })

  const file = () => join(directory, 'workspaces')
  const watch = (url: string) => watchRows(url, file(), watchedWorkspaces, ({ name }) => name)

  test('hears of changes, and keeps what it knows for a start without the database, for its owner alone', async () => {
    const first = watch(store.url)
    await first.watch.start()
    await addWorkspace(store.db, 'acme')
    await addWorkspace(store.db, 'globex')
    await eventually('both are known', () => first.seen() === 'database: acme,globex', { timeoutMs: 1000 })
    await deleteWorkspace(store.db, { name: 'acme' })
    await eventually('one is gone', () => first.seen() === 'database: globex', { timeoutMs: 1000 })
    await eventually('it is on disk', async () => (await stat(file())).size > 0)
    await first.watch.stop()
    assert.equal((await stat(file())).mode & 0o777, 0o600)
    const second = watch(NO_DATABASE)
    await second.watch.start()
    await second.watch.stop()
    assert.equal(second.seen(), 'cache: globex')
  })

  test('gives the oldest first, however the table was written: routers have connections for so many', async () => {
    for (const name of ['one', 'two', 'three']) await addWorkspace(store.db, name)
    await store.psql(`update workspaces set name = 'renamed' where name = 'one'`)
    const { read } = watchedWorkspaces(undefined, () => {})
    const names = (await read(store.db)).rows.map(({ name }) => name)
    assert.deepEqual(names.slice(-3), ['renamed', 'two', 'three'])
  })

  test('lists rows whose dates are none of JavaScript', async () => {
    await addWorkspace(store.db, 'timeless')
    await store.psql(`update workspaces set created_at = 'infinity', updated_at = '-infinity' where name = 'timeless'`)
    const { createdAt, updatedAt } = (await listWorkspaces(store.db)).find(({ name }) => name === 'timeless')!
    assert.ok(createdAt.getTime() > Date.now() && updatedAt.toISOString().length > 0)
  })

  test('goes on without the table while its migration is yet to come, and has it then', async () => {
    while ((await migrateDown(store.db)).some(({ name }) => name !== '0004_workspaces'));
    const { watch: it, seen, lines } = watch(store.url)
    await it.start()
    assert.equal(seen(), 'database: ')
    assert.match(lines.map(({ message }) => message).join('\n'), /does not have the table of workspaces yet/)
    await migrateUp(store.db)
    await addWorkspace(store.db, 'acme')
    await eventually('it is there', () => seen() === 'database: acme')
    await it.stop()
  })
})
