import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, before, beforeEach, describe, test } from 'node:test'
import { query } from '../store/migrated-database.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { type CliOptions, runCli } from './run-cli.ts'

const LAST = readdirSync('migrations')
  .filter((file) => file.endsWith('.up.sql'))
  .sort()
  .at(-1)!
  .replace('.up.sql', '')

describe('migrate', () => {
  let database: TestDatabase
  const migrate = (line: string, options: CliOptions = {}) =>
    runCli(['migrate', ...line.split(' ')], { cwd: tmpdir(), env: { DATABASE_URL: database.url }, ...options })

  const isApplied = async (prefix: string) => {
    const { migrations } = JSON.parse((await migrate('status --json')).stdout)
    return migrations.some(
      ({ name, appliedAt }: { name: string; appliedAt: string | null }) =>
        name.startsWith(prefix) && appliedAt !== null,
    )
  }

  before(async () => {
    database = await createTestDatabase()
  })

  after(() => database.drop())

  beforeEach(() => migrate('fresh --yes'))

  test('up and down say what they did', async () => {
    assert.deepEqual(await migrate('up'), { code: 0, stdout: 'nothing to do\n', stderr: '' })
    assert.equal((await migrate('down')).code, 2, 'asks first where nobody can answer')
    assert.equal((await migrate('down --yes')).stdout, `reverted ${LAST}\n`)
    assert.deepEqual(JSON.parse((await migrate('up --json')).stdout), { steps: [{ name: LAST, direction: 'up' }] })
  })

  test('down names the migration and what goes with it before it asks', async () => {
    for (const [migration, loss] of [
      ['0006_definer_functions', /by which nothing is lost/],
      ['0005_revocations', /the revocations of all tokens, which then count again/],
      ['0004_workspaces', /all workspaces and the params/],
      ['0003_api_keys', /all API keys/],
      ['0002_policies', /the policies of all routes, which are then served without them/],
      ['0001_routes', /all routes and their history/],
    ] as const) {
      while (await isApplied(`${Number(migration.slice(0, 4)) + 1}`.padStart(4, '0'))) await migrate('down --yes')
      const { code, stderr } = await migrate('down', { isTTY: true, stdin: 'no\n' })
      assert.equal(code, 1)
      assert.match(stderr, new RegExp(`migration ${migration} made, `))
      assert.match(stderr, loss)
      assert.ok(await isApplied(migration))
    }
    await migrate('down --yes')
    assert.deepEqual(
      await migrate('down'),
      { code: 0, stdout: 'nothing to do\n', stderr: '' },
      'there is nothing to ask',
    )
  })

  test('down lets nobody in whom what it reverts keeps out, unless it is told to', async () => {
    for (const [migration, open, guards, refusal] of [
      [
        '0005_revocations',
        `insert into revocations (kind, value, expires_at) values ('subject', 'bob', now())`,
        `insert into revocations (kind, value) values ('subject', 'alice')`,
        /without 0005_revocations, revoked tokens would count again \(subject alice\);/,
      ],
      [
        '0004_workspaces',
        `insert into routes (name, params) values ('p', '{"a":{"header":"x"}}'), ('q', '[1]'), ('r', '"x"')`,
        `insert into routes (name, params) values ('tenant', '{"a":{"workspace":true}}')`,
        /without 0004_workspaces, routes would no longer ask .* \(tenant\);/,
      ],
      ['0003_api_keys', `insert into routes (name) values ('keyed')`, undefined, undefined],
      [
        '0002_policies',
        `insert into routes (name, policies) values ('a', null), ('b', '[]'), ('c', 'null')`,
        `insert into routes (name, policies) select 'guarded' || n, '[{"apiKey":{}}]' from generate_series(1, 7) as n`,
        /\(guarded1, guarded2, guarded3, guarded4, guarded5 and 2 more\); delete them first, or say --force/,
      ],
    ] as const) {
      while (await isApplied(`${Number(migration.slice(0, 4)) + 1}`.padStart(4, '0'))) {
        assert.equal((await migrate('down --yes --force')).code, 0)
      }
      await query(database.url, open)
      if (guards !== undefined) {
        await query(database.url, guards)
        for (const line of ['down', 'down --yes']) {
          const { code, stderr } = await migrate(line)
          assert.equal(code, 1, line)
          assert.match(stderr, /^.*nothing was reverted: /)
          assert.match(stderr, refusal)
        }
        assert.ok(await isApplied(migration))
        assert.equal((await migrate('down --force')).code, 2, 'it still asks')
        assert.equal((await migrate('down --yes --force')).stdout, `reverted ${migration}\n`)
        assert.equal((await migrate('up')).code, 0)
        await query(database.url, 'truncate routes')
        await query(database.url, open)
      }
      while (await isApplied(migration)) assert.equal((await migrate('down --yes')).code, 0)
      await query(database.url, 'truncate routes')
    }
  })

  test('status shows what is pending', async () => {
    await migrate('down --yes')
    assert.match((await migrate('status')).stdout, new RegExp(`${LAST} +no\n$`))
    const { migrations, pending } = JSON.parse((await migrate('status --json')).stdout)
    assert.deepEqual([migrations.at(-1), pending], [{ name: LAST, appliedAt: null }, 1])
  })

  test('fresh does nothing without a yes', async () => {
    await query(database.url, `insert into routes (name) values ('a')`)
    const unasked = await migrate('fresh')
    assert.equal(unasked.code, 2)
    assert.match(unasked.stderr, /the revocations of all tokens \(which then count again\).*--yes/)
    for (const typed of ['no\n', 'y\n', '']) {
      const { code, stderr } = await migrate('fresh', { isTTY: true, stdin: typed })
      assert.equal(code, 1)
      assert.match(stderr, /Type "yes".*nothing was done/)
    }
    assert.equal((await query(database.url, 'select * from routes')).length, 1)

    assert.equal((await migrate('fresh', { isTTY: true, stdin: 'yes\n' })).code, 0)
    assert.equal((await query(database.url, 'select * from routes')).length, 0)
  })

  test('never shows the password', async () => {
    const url = new URL(database.url)
    url.password = 'hunter2'
    const { stderr } = await migrate('fresh', { env: { DATABASE_URL: url.href } })
    assert.doesNotMatch(stderr, /hunter2/)
  })

  test('says where it looked for the database and what to do when it is not there', async () => {
    const { code, stderr } = await migrate('up --database-url postgres://u:secret@127.0.0.1:1/d')
    assert.equal(code, 1)
    assert.match(stderr, /127\.0\.0\.1:1 is not reachable.*--database-url or DATABASE_URL/)
    assert.doesNotMatch(stderr, /secret/)
  })

  test('names a database that does not exist', async () => {
    const url = new URL(database.url)
    url.pathname = '/no_such_database'
    const { code, stderr } = await migrate(`up --database-url ${url.href}`)
    assert.equal(code, 1)
    assert.match(stderr, /has no database "no_such_database"/)
  })
})
