import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { sql } from 'kysely'
import { openDatabase } from '../../src/store/database.ts'
import { migrateFresh, migrateUp } from '../../src/store/migrations.ts'
import { TableWatch, type TableWatchOptions } from '../../src/store/table-watch.ts'
import { watchedRoutes } from '../../src/store/watched-routes.ts'
import { type SnapshotSource, watched } from '../../src/store/watched-table.ts'
import { eventually } from '../support/eventually.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { logIn, startFakePostgres } from './fake-postgres.ts'
import { createTestLogger, createTestStore, query, type TestStore } from './migrated-database.ts'

interface Seen {
  readonly names: readonly string[]
  readonly quarantined: readonly string[]
  readonly revision: number
  readonly source: SnapshotSource
}

const INSERT = `insert into routes (name, path, subject) values ($1, '/' || $1, 'x')`
/** Longer than any test: what is seen is then not seen by a poll. */
const NEVER_MS = 60_000

describe('a route watch', () => {
  let store: TestStore
  let directory: string
  let cacheFile: string
  let watch: TableWatch | undefined

  before(async () => {
    store = await createTestStore()
  })

  after(() => store.drop())

  beforeEach(async () => {
    await store.psql('truncate routes')
    directory = await mkdtemp(join(tmpdir(), 'engine-router-watch-'))
    cacheFile = join(directory, 'sub', 'routes.json')
  })

  afterEach(async () => {
    await watch?.stop()
    watch = undefined
    await rm(directory, { recursive: true })
  })

  function create(options: Partial<TableWatchOptions & { readonly cacheFile: string | undefined }> = {}) {
    const seen: Seen[] = []
    const { logger, lines } = createTestLogger()
    const routes = watchedRoutes({
      cacheFile: 'cacheFile' in options ? options.cacheFile : cacheFile,
      inboxPrefix: '_INBOX',
      logger,
      onSnapshot: (specs, revision, quarantined, source) =>
        seen.push({
          names: specs.map(({ name }) => name),
          quarantined: quarantined.map(({ name }) => name),
          revision,
          source,
        }),
    })
    watch = new TableWatch({
      url: store.url,
      logger,
      tables: [watched(routes)],
      pollIntervalMs: NEVER_MS,
      ...options,
    })
    const errors = () => lines.filter(({ level }) => level === 'error').map(({ message }) => message)
    return { watch, seen, lines, errors, last: () => seen.at(-1)?.names.join() }
  }

  test('has the table when it has started', async () => {
    await store.psql(INSERT, ['a'])
    const { watch, seen } = create()
    await watch.start()
    assert.equal(seen.length, 1)
    assert.deepEqual([seen[0]?.names, seen[0]?.source], [['a'], 'database'])
  })

  test('sees a change within a second of its commit', async () => {
    const { watch, last } = create()
    await watch.start()
    await store.psql(INSERT, ['a'])
    await eventually('the new route', () => last() === 'a', { timeoutMs: 1000 })
    await store.psql('truncate routes')
    await eventually('the empty table', () => last() === '', { timeoutMs: 1000 })
  })

  test('ends with the last of many changes, in fewer reloads', async () => {
    const { watch, seen, last } = create()
    await watch.start()
    for (let i = 0; i < 50; i++)
      await store.psql(`truncate routes; insert into routes (name, path, subject) values ('n${i}', '/', 'x')`)
    await eventually('the last table', () => last() === 'n49')
    assert.ok(seen.length < 50, `${seen.length} reloads`)
  })

  test('hands out the rows that are quarantined, and logs each once', async () => {
    const { watch, seen, errors } = create()
    await watch.start()
    await store.psql(`insert into routes (name, timeout) values ('bad', 'soon')`)
    await eventually('the quarantined row', () => seen.at(-1)?.quarantined.includes('bad'))
    await store.psql(INSERT, ['a'])
    await eventually('the good row', () => seen.at(-1)?.names.includes('a'))
    assert.deepEqual(seen.at(-1)?.quarantined, ['bad'])
    assert.equal(errors().length, 1)
    assert.match(errors()[0]!, /bad: .*timeout/)
  })

  test('sees by polling what it was not notified of', async () => {
    const { watch, last } = create({ pollIntervalMs: 50 })
    await watch.start()
    await store.psql(
      `begin; set local session_replication_role = replica;
       insert into routes (name, path, subject) values ('a', '/a', 'x');
       update routes_version set revision = revision + 1; commit`,
    )
    await eventually('the new route', () => last() === 'a')
  })

  test('does not read the table again when a poll sees no change', async () => {
    const { watch, seen, last } = create({ pollIntervalMs: 10 })
    await watch.start()
    const polls = `select count(*)::int as count from pg_stat_activity where application_name = 'engine-router watch'
      and datname = current_database() and query like '%routes_version%' and query not like '%json%'`
    await eventually('a poll', async () => (await store.psql(polls))[0]?.count === 1)
    assert.equal(seen.length, 1)
    await store.psql(INSERT, ['a'])
    await eventually('the new route', () => last() === 'a')
  })

  test('connects again when its connection is killed, and has missed nothing', async () => {
    const { watch, lines, last } = create()
    await watch.start()
    await store.psql(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'engine-router watch' and datname = current_database()`,
    )
    await store.psql(INSERT, ['a'])
    await eventually('the new route', () => last() === 'a')
    await store.psql(INSERT, ['b'])
    await eventually('the next route', () => last() === 'a,b', { timeoutMs: 1000 })
    assert.equal(lines.filter(({ level }) => level === 'error').length, 1)
    assert.equal(lines.filter(({ message }) => /readable again/.test(message)).length, 1)
  })

  test('says what to do when the tables are not there, and goes on when they are', async () => {
    const empty = await createTestStore()
    try {
      await empty.psql('drop table routes, routes_version')
      const { watch, seen, lines, errors } = create({ url: empty.url })
      await watch.start()
      assert.deepEqual(seen, [])
      assert.match(errors()[0]!, /engine-router migrate up/)
      // The advice alone: a stack in front of it is what people would read instead.
      assert.deepEqual(lines.find(({ level }) => level === 'error')?.fields, {})
      await empty.psql('create table routes (name text)')
      await empty.psql('create table routes_version (revision bigint)')
      await empty.psql('insert into routes_version values (1)')
      await eventually('a table', () => seen.length === 1)
    } finally {
      await watch?.stop()
      await empty.drop()
    }
  })

  test('follows a table that was dropped and made again', async () => {
    const { watch, last } = create({ pollIntervalMs: 50 })
    await watch.start()
    await migrateFresh(store.db)
    await store.psql(INSERT, ['a'])
    await eventually('the new table', () => last() === 'a')
  })

  test('gives up a query that hangs', async () => {
    await store.psql(INSERT, ['a'])
    const { watch, seen, errors } = create({ statementTimeoutMs: 100 })
    await store.db.transaction().execute(async (transaction) => {
      await sql`lock table routes in access exclusive mode`.execute(transaction)
      await watch.start()
      assert.deepEqual(seen, [])
      assert.match(errors()[0]!, /in time/)
    })
    await eventually('the table after all', () => seen.length === 1)
  })

  test('gives up a server that accepts and says nothing', async () => {
    const mute = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => mute.once('listening', resolve))
    const { port } = mute.address() as { port: number }
    try {
      const { watch, errors } = create({ url: `postgres://u@127.0.0.1:${port}/d`, connectTimeoutMs: 100 })
      await watch.start()
      assert.match(errors()[0]!, new RegExp(`127.0.0.1:${port} did not answer within 100ms: .*look at that server`))
    } finally {
      await watch?.stop()
      mute.close()
    }
  })

  for (const [when, hangUp] of [
    ['accepts and hangs up', (socket) => void socket.end()],
    ['hangs up after the login', (socket) => void logIn(socket).then(() => socket.end())],
  ] satisfies [string, (socket: Socket) => void][]) {
    test(`tries a server that ${when} less and less often, and says what to look at`, async (t) => {
      const { url, acceptedAtMs } = await startFakePostgres(t, hangUp)
      const { watch, errors } = create({ url })
      await watch.start()
      assert.match(errors()[0]!, /closed the connection without a word: .*no server behind it; look at that server/)
      await eventually('the fourth attempt', () => acceptedAtMs.length >= 5)
      // Half of 200, 400 and 800 ms, which is the least that chance makes of them.
      assert.ok(acceptedAtMs[3]! - acceptedAtMs[0]! >= 690, `at ${acceptedAtMs.map(Math.round)} ms`)
      assert.equal(errors().length, 1)
    })
  }

  test('stops at once, also while it connects', async () => {
    const mute = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => mute.once('listening', resolve))
    const { port } = mute.address() as { port: number }
    try {
      const { watch } = create({ url: `postgres://u@127.0.0.1:${port}/d`, connectTimeoutMs: NEVER_MS })
      const started = watch.start()
      await new Promise((resolve) => mute.once('connection', resolve))
      await watch.stop()
      await started
    } finally {
      mute.close()
    }
  })

  test('stops at once, also while it waits to try again', async (t) => {
    const { url, acceptedAtMs } = await startFakePostgres(t, (socket) => void socket.end())
    const { watch } = create({ url })
    await watch.start()
    await eventually('a long wait', () => acceptedAtMs.length >= 4)
    const askedAtMs = performance.now()
    await watch.stop()
    // At least 1,600 ms are left of it.
    assert.ok(performance.now() - askedAtMs < 1200, 'it slept on')
  })

  test('leaves no connection behind and hands out nothing more after stop', async () => {
    const { watch, seen } = create()
    await watch.start()
    await watch.stop()
    await store.psql(INSERT, ['a'])
    const open = `select from pg_stat_activity where application_name = 'engine-router watch' and datname = current_database()`
    await eventually('the end of the connection', async () => (await store.psql(open)).length === 0)
    assert.equal(seen.length, 1)
  })

  describe('without the database', () => {
    const AWAY = 'postgres://postgres@127.0.0.1:1/away'

    test('starts with the table on disk', async () => {
      await store.psql(INSERT, ['a'])
      await store.psql(`insert into routes (name, timeout) values ('bad', 'soon')`)
      const first = create()
      await first.watch.start()
      await eventually('the file', () => readFile(cacheFile))
      await first.watch.stop()

      const second = create({ url: AWAY })
      await second.watch.start()
      assert.deepEqual(second.seen, [{ ...first.seen[0], source: 'cache' }])
      assert.match(second.errors()[0]!, /127\.0\.0\.1:1 is not reachable/)
    })

    for (const [what, text] of [
      ['cut off', '{"format":1,"revision":3,"rou'],
      ['of another format', '{"format":99,"revision":3,"routes":[]}'],
      ['something else', 'null'],
    ] as const) {
      test(`starts without a table when the file is ${what}, and says so`, async () => {
        cacheFile = join(directory, 'routes.json')
        await writeFile(cacheFile, text)
        const { watch, seen, lines } = create({ url: AWAY })
        await watch.start()
        assert.deepEqual(seen, [])
        assert.ok(lines.some(({ level, message }) => level === 'warn' && /on disk/.test(message)))
      })
    }

    test('goes on when the file cannot be written', async () => {
      cacheFile = join(directory, 'blocked', 'routes.json')
      await writeFile(join(directory, 'blocked'), 'a file where a folder should be')
      const { watch, last, lines } = create()
      await watch.start()
      await store.psql(INSERT, ['a'])
      await eventually('the new route', () => last() === 'a')
      assert.ok(lines.some(({ level, message }) => level === 'warn' && /on disk/.test(message)))
    })
  })

  describe('with a database that goes and comes', () => {
    let postgres: TestPostgres

    before(async () => {
      postgres = await startPostgres()
      const database = openDatabase(postgres.url, { logger: createTestLogger().logger })
      await migrateUp(database.db)
      await database.close()
    })

    after(() => postgres.close())

    test('keeps its table, says once that it is away, and follows again when it is back', async () => {
      await query(postgres.url, INSERT, ['a'])
      const { watch, seen, errors, lines, last } = create({ url: postgres.url })
      await watch.start()
      assert.equal(last(), 'a')

      await postgres.kill()
      await eventually('the complaint', () => errors().length > 0)
      await eventually('three more tries', () => lines.filter(({ level }) => level === 'debug').length >= 3)
      assert.equal(seen.length, 1)
      assert.equal(new Set(errors()).size, errors().length)

      await postgres.start()
      await eventually('the table', () => seen.length === 2, { timeoutMs: 15_000 })
      assert.equal(lines.filter(({ message }) => /readable again/.test(message)).length, 1)
      await query(postgres.url, INSERT, ['b'])
      await eventually('the new route', () => last() === 'a,b', { timeoutMs: 1000 })
    })
  })
})
