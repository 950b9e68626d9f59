import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import pg from 'pg'
import { openDatabase } from '../../src/store/database.ts'
import { migrateUp } from '../../src/store/migrations.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { query } from './migrated-database.ts'

/** A database with our tables in this schema, and someone who may write `routes` and API keys alone. */
async function setUp(t: TestContext, schema: string) {
  const { url, drop } = await createTestDatabase()
  const editor = `editor_${randomBytes(6).toString('hex')}`
  const there = new URL(url)
  there.searchParams.set('options', `-c search_path=${pg.escapeIdentifier(schema).replaceAll(' ', '\\ ')}`)
  const ours = (sql: string) => query(there.href, sql)
  await query(url, `create schema if not exists ${pg.escapeIdentifier(schema)}`)
  await query(url, `create role ${editor} login password 'editor'`)
  t.after(async () => {
    await drop()
    const server = new URL(url)
    server.pathname = '/postgres'
    await query(server.href, `drop role ${editor}`)
  })
  const database = openDatabase(there.href, { logger: silentLogger, maxConnections: 1 })
  await migrateUp(database.db)
  await database.close()
  await ours(`grant usage on schema ${pg.escapeIdentifier(schema)} to ${editor}`)
  await ours(`grant select, insert, update, delete on routes to ${editor}`)
  const asEditor = new URL(there)
  asEditor.username = editor
  asEditor.password = 'editor'
  return { ours, editor, asEditor: (sql: string) => query(asEditor.href, sql) }
}

/** A table of the editor's own in place of one of ours, whose trigger does what only the owner may. */
function decoy(table: string, columns: string, row: string, editor: string): string {
  return `
    create temp table ${table} (${columns});
    insert into ${table} values (${row});
    grant all on ${table} to public;
    create function pg_temp.evil() returns trigger language plpgsql as $$
    begin
      execute 'grant all on api_keys, revocations, table_versions to ${editor}';
      return new;
    end $$;
    create trigger evil before update on ${table} for each row execute function pg_temp.evil();`
}

describe('who may write routes', () => {
  for (const schema of ['public', 'Our "own" tables']) {
    test(`gets no rights of the owner by a temporary table, where the tables are in ${schema}`, async (t) => {
      const { ours, editor, asEditor } = await setUp(t, schema)
      await asEditor(`
        ${decoy('routes_version', 'only_row boolean, revision bigint, changed_by xid8', 'true, 0, null', editor)}
        insert into routes (name) values ('a')`)
      await assert.rejects(asEditor('select * from api_keys'), { code: '42501' })
      assert.deepEqual(await ours('select revision from routes_version'), [{ revision: '1' }])
    })

    test(`nor by another table that is counted, where the tables are in ${schema}`, async (t) => {
      const { ours, editor, asEditor } = await setUp(t, schema)
      await ours(`grant select, insert on workspaces to ${editor}`)
      await asEditor(`
        ${decoy('table_versions', 'table_name text, revision bigint, changed_by xid8', `'workspaces', 0, null`, editor)}
        insert into workspaces (name) values ('a')`)
      await assert.rejects(asEditor('select * from api_keys'), { code: '42501' })
      const revision = `select revision from table_versions where table_name = 'workspaces'`
      assert.deepEqual(await ours(revision), [{ revision: '1' }])
    })
  }

  test('gets none by an operator of its own in the schema of the tables', async (t) => {
    const { ours, editor, asEditor } = await setUp(t, 'public')
    // As every user might before Postgres 15.
    await ours(`grant create on schema public to ${editor}; grant select, insert on workspaces to ${editor}`)
    await asEditor(`
      create function public.evil(text, name) returns text language plpgsql as $$
      begin
        execute 'grant all on api_keys to ${editor}';
        return $1 || $2::text;
      end $$;
      create operator public.|| (leftarg = text, rightarg = name, function = public.evil);
      insert into workspaces (name) values ('a')`)
    await assert.rejects(asEditor('select * from api_keys'), { code: '42501' })
  })
})
