import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createTestStore, type TestStore } from '../store/migrated-database.ts'
import { runCli } from './run-cli.ts'

describe('workspaces', () => {
  let store: TestStore
  const workspaces = (...words: string[]) =>
    runCli(['workspaces', ...words], { env: { DATABASE_URL: store.url, NO_COLOR: '1' } })

  before(async () => {
    store = await createTestStore()
  })

  after(() => store.drop())

  test('are made, listed and deleted, and a name can be taken again', async () => {
    const id = (await workspaces('create', 'acme')).stdout.trim()
    assert.match(id, /^[0-9a-f-]{36}$/)
    assert.match((await workspaces('list')).stdout, new RegExp(`${id} +acme`))
    const twice = await workspaces('create', 'acme')
    assert.equal(twice.code, 1)
    assert.match(twice.stderr, /already/)
    assert.equal((await workspaces('delete', 'acme')).code, 0)
    assert.equal((await workspaces('delete', 'acme')).code, 1)
    const again = (await workspaces('create', 'acme')).stdout.trim()
    assert.notEqual(again, id)
    assert.equal((await workspaces('delete', again)).code, 0)
    const rows = await store.psql('select id from workspaces where deleted_at is not null')
    assert.equal(rows.length, 2)
  })

  for (const name of ['a b', '', 'é', '0f0e0d0c-0b0a-4908-8706-050403020100']) {
    test(`refuse the name "${name}"`, async () => {
      assert.equal((await workspaces('create', name)).code, 2)
    })
  }
})
