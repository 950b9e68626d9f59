import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { migrateDown, migrateFresh, migrateUp, migrationStates } from '../../src/store/migrations.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { createTestLogger, query } from './migrated-database.ts'

const { logger } = createTestLogger()

describe('migrations', () => {
  let database: TestDatabase
  let store: Database

  before(async () => {
    database = await createTestDatabase()
    store = openDatabase(database.url, { logger })
  })

  after(async () => {
    await store.close()
    await database.drop()
  })

  async function ourObjects(): Promise<unknown[]> {
    const rows = await query(
      database.url,
      `select relname as name from pg_class c join pg_namespace n on n.oid = relnamespace
         where nspname = 'public' and relname like 'route%' and relkind = 'r'
       union select proname from pg_proc p join pg_namespace n on n.oid = pronamespace where nspname = 'public'
       order by 1`,
    )
    return rows.map(({ name }) => name)
  }

  test('go up, down without a trace, and up again', async () => {
    const names = (await migrateUp(store.db)).map(({ name }) => name)
    assert.equal(names[0], '0001_routes')
    const up = await ourObjects()
    for (const name of ['route_revisions', 'routes', 'routes_changed', 'routes_touch', 'routes_version']) {
      assert.ok(up.includes(name), name)
    }

    for (const name of names.toReversed()) {
      assert.deepEqual(await migrateDown(store.db), [{ name, direction: 'down' }])
    }
    assert.deepEqual(await ourObjects(), [])

    await migrateUp(store.db)
    assert.deepEqual(await ourObjects(), up)
  })

  test('do nothing when there is nothing to do', async () => {
    await migrateUp(store.db)
    assert.deepEqual(await migrateUp(store.db), [])
  })

  test('say which are applied', async () => {
    await migrateUp(store.db)
    const states = await migrationStates(store.db)
    assert.ok(states.every(({ appliedAt }) => appliedAt instanceof Date))
    await migrateDown(store.db)
    const last = { name: states.at(-1)!.name, appliedAt: undefined }
    assert.deepEqual(await migrationStates(store.db), [...states.slice(0, -1), last])
  })

  test('fresh leaves the tables and nothing in them', async () => {
    await migrateUp(store.db)
    await query(database.url, `insert into routes (name) values ('a')`)
    await migrateFresh(store.db)
    assert.deepEqual(await query(database.url, 'select * from routes'), [])
    assert.deepEqual(await query(database.url, 'select revision from routes_version'), [{ revision: '0' }])
  })

  test('of a later release are left alone, and it is said what to do', async (t) => {
    await migrateUp(store.db)
    const later = `insert into engine_router_migrations (name, timestamp) values ('9999_later', '9999-01-01')`
    await query(database.url, later)
    t.after(() => query(database.url, `delete from engine_router_migrations where name = '9999_later'`))
    for (const migrate of [migrateUp, migrateDown, migrateFresh]) {
      await assert.rejects(migrate(store.db), {
        name: 'MigrationError',
        message: /older than the database.* 9999_later; use the release .*`engine-router migrate down`/,
      })
    }
    assert.ok((await migrationStates(store.db)).every(({ appliedAt }) => appliedAt instanceof Date))
  })

  test('run once when many start at the same time', async () => {
    await migrateUp(store.db)
    await migrateDown(store.db)
    const stores = Array.from({ length: 4 }, () => openDatabase(database.url, { logger }))
    const runs = await Promise.all(stores.map(({ db }) => migrateUp(db)))
    await Promise.all(stores.map((each) => each.close()))
    assert.equal(runs.flat().length, 1)
  })
})
