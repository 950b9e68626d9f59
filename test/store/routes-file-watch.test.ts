import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { applyRoutes } from '../../src/store/apply-routes.ts'
import { openDatabase } from '../../src/store/database.ts'
import { migrateUp } from '../../src/store/migrations.ts'
import { readHistory, rollbackRoutes } from '../../src/store/route-history.ts'
import { RoutesFileWatch, type RoutesFileWatchOptions } from '../../src/store/routes-file-watch.ts'
import { readRoutes } from '../../src/store/routes-table.ts'
import { eventually } from '../support/eventually.ts'
import { startPostgres } from '../support/postgres.ts'
import { logIn, startFakePostgres } from './fake-postgres.ts'
import { createTestLogger, createTestStore, type LogLine, route, type TestStore } from './migrated-database.ts'

/** Longer than any test: what is seen is then not seen by a poll. */
const NEVER_MS = 60_000

describe('a routes file watch', () => {
  let store: TestStore
  let directory: string
  let file: string
  let watch: RoutesFileWatch | undefined

  before(async () => {
    store = await createTestStore()
  })

  after(() => store.drop())

  beforeEach(async () => {
    await store.psql('truncate routes, route_revisions')
    directory = await mkdtemp(join(tmpdir(), 'engine-router-file-'))
    file = join(directory, 'routes.json')
  })

  afterEach(async () => {
    await watch?.stop()
    watch = undefined
    await rm(directory, { recursive: true })
  })

  function create(options: Partial<RoutesFileWatchOptions> = {}) {
    const { logger, lines } = createTestLogger()
    watch = new RoutesFileWatch({
      file,
      watch: true,
      // The reader of YAML is another part's; what matters here is that it may throw.
      parse: (text) => JSON.parse(text),
      url: store.url,
      author: 'ann',
      logger,
      pollIntervalMs: NEVER_MS,
      ...options,
    })
    const errors = () => lines.filter(({ level }) => level === 'error').map(({ message }) => message)
    return { watch, errors, lines }
  }

  const save = (...routes: RouteDocument[]) => writeFile(file, JSON.stringify(routes))
  /** In one step: a poll between two would see half a file. */
  const replace = async (text: string) => {
    await writeFile(join(directory, 'new'), text)
    await rename(join(directory, 'new'), file)
  }
  const names = async () => (await readRoutes(store.db)).specs.map(({ name }) => name).join()
  /** Far less than until the next poll. */
  const within = { timeoutMs: 10_000 }

  test('applies the file at the start', async () => {
    await save(route('a'))
    const { watch } = create()
    await watch.start()
    assert.equal(await names(), 'a')
    const [entry] = await readHistory(store.db, 1)
    assert.deepEqual([entry?.author, entry?.comment], ['ann', `saved ${file}`])
  })

  test('applies each save, long before the next poll', async () => {
    await save(route('a'))
    const { watch } = create()
    await watch.start()
    await save(route('b'))
    await eventually('the first save', async () => (await names()) === 'b', within)
    await save(route('c'))
    await eventually('the second save', async () => (await names()) === 'c', within)
  })

  test('applies a save that puts another file in place of the old one', async () => {
    await save(route('a'))
    const { watch } = create()
    await watch.start()
    for (const name of ['b', 'c']) {
      await replace(JSON.stringify([route(name)]))
      await eventually('the save', async () => (await names()) === name, within)
    }
  })

  test('logs what is wrong with a bad file once, and leaves the table as it is until it is mended', async () => {
    await save(route('a'))
    const { watch, errors } = create({ pollIntervalMs: 20 })
    await watch.start()
    await replace('[{"name": "b"')
    await eventually('the error', () => errors().length > 0, within)
    assert.match(errors()[0]!, /table stays as it is:\n.*JSON/)
    assert.equal(await names(), 'a')
    await replace(JSON.stringify([route('c')]))
    await eventually('the mended file', async () => (await names()) === 'c', within)
    assert.equal(errors().length, 1)
  })

  test('starts without the file, and applies it when it appears', async () => {
    const { watch, errors } = create()
    await watch.start()
    assert.match(errors()[0]!, /ENOENT/)
    await save(route('a'))
    await eventually('the file', async () => (await names()) === 'a', within)
  })

  for (const [how, options] of [
    ['notified', {}],
    ['polling', { pollIntervalMs: 5 }],
  ] as const) {
    test(`applies a file that is written slowly once it is whole, ${how}`, async () => {
      await save(route('old'))
      const { watch, lines } = create({ ...options, settleMs: 1000 })
      await watch.start()
      const all = ['a', 'b', 'c', 'd']
      // Each piece makes it a file with fewer routes, as the lines of YAML do.
      for (const [n] of all.entries()) {
        await save(...all.slice(0, n + 1).map((name) => route(name)))
        await delay(150)
      }
      await eventually('the whole file', async () => (await names()) === all.join())
      assert.equal(lines.filter(({ message }) => message === 'routes file applied').length, 2)
    })
  }

  test('stops at once while it waits for the file to be whole', async () => {
    await save(route('a'))
    const { watch, lines } = create()
    const started = watch.start()
    await watch.stop()
    await started
    assert.deepEqual(lines, [])
    assert.equal(await names(), '')
  })

  test('sees a save by polling where the directory cannot be watched', async () => {
    file = join(directory, 'later', 'routes.json')
    const { watch, lines } = create({ pollIntervalMs: 20 })
    await watch.start()
    assert.ok(lines.some(({ level, message }) => level === 'warn' && /no notifications/.test(message)))
    await mkdir(join(directory, 'later'))
    await save(route('a'))
    await eventually('the file', async () => (await names()) === 'a')
  })

  test('without watch applies the file once', async () => {
    await save(route('a'))
    const { watch } = create({ watch: false, pollIntervalMs: 1 })
    await watch.start()
    await save(route('b'))
    await watch.stop()
    assert.equal(await names(), 'a')
  })

  describe('after a rollback', () => {
    const current = async () => (await readHistory(store.db, 1))[0]!
    const said = (lines: readonly LogLine[], pattern: RegExp) => () =>
      lines.some(({ message }) => pattern.test(message))

    /** The file has said `a`, then `b`, and the table is back at `a`. */
    async function rollBack() {
      await save(route('a'))
      const { watch, lines } = create()
      await watch.start()
      const { revision } = await current()
      await replace(JSON.stringify([route('b')]))
      await eventually('the second save', async () => (await names()) === 'b', within)
      await rollbackRoutes(store.db, revision, { author: 'bob' })
      return { watch, lines }
    }

    test('a touch or another way to write the same routes does not undo it', async () => {
      const { lines } = await rollBack()
      const { revision } = await current()
      await replace(`[${JSON.stringify(route('b', { timeout: '10s' }))}\n]`)
      await eventually('the save is seen', said(lines, /gives the same routes as before/), within)
      assert.deepEqual([await names(), (await current()).revision], ['a', revision])
    })

    test('a change is applied, also back to what the file once said', async () => {
      await rollBack()
      for (const name of ['c', 'b']) {
        await replace(JSON.stringify([route(name)]))
        await eventually('the save', async () => (await names()) === name, within)
      }
    })

    test('a start with the file as it was does not undo it, and says so', async () => {
      const first = await rollBack()
      await first.watch.stop()
      const { watch, lines } = create()
      await watch.start()
      assert.equal(await names(), 'a')
      assert.ok(said(lines, /not applied: its routes were rolled back/)())
      assert.equal(watch.appliedRevision, 0, 'nothing to wait for')
      await replace(JSON.stringify([route('c')]))
      await eventually('the change', async () => (await names()) === 'c', within)
    })

    /** Each step makes the table hold one route: of this name, or the one after that step, counted from 0. */
    async function play(...steps: (string | number)[]) {
      const revisions: number[] = []
      for (const step of steps) {
        const by = { author: 'bob' }
        const { revision } =
          typeof step === 'string'
            ? await applyRoutes(store.db, [route(step)], by)
            : await rollbackRoutes(store.db, revisions[step]!, by)
        revisions.push(revision!)
      }
    }

    for (const [what, steps] of [
      ['a hotfix was rolled back with it', ['a', 'file', 'hotfix', 0]],
      ['the rollback was undone and done again', ['a', 'file', 0, 1, 0]],
      ['a hotfix of the rollback was undone', ['a', 'file', 0, 'hotfix', 0]],
      ['it was brought back by a rollback and rolled back in turn', ['a', 'file', 'b', 1, 2]],
    ] as const) {
      test(`a start leaves the table as it is where ${what}`, async () => {
        await play(...steps)
        await save(route('file'))
        const { watch, lines } = create()
        const before = await names()
        await watch.start()
        assert.equal(await names(), before)
        assert.ok(said(lines, /not applied: its routes were rolled back/)())
      })
    }

    test('a start warns of nothing once the rollback was undone', async () => {
      await play('a', 'file', 0, 1)
      await save(route('file'))
      const { watch, lines } = create()
      await watch.start()
      assert.equal(await names(), 'file')
      assert.ok(said(lines, /changes nothing/)())
      assert.ok(!lines.some(({ level }) => level === 'warn'))
    })

    test('a start applies a file that was replaced before what the rollback went back to', async () => {
      await play('file', 'b', 'c', 1)
      await save(route('file'))
      await create().watch.start()
      assert.equal(await names(), 'file')
    })

    test('a start with a file that has changed applies it', async () => {
      const first = await rollBack()
      await first.watch.stop()
      await save(route('b'), route('c'))
      await create().watch.start()
      assert.equal(await names(), 'b,c')
    })

    test('a start applies the file again once something was applied after it', async () => {
      const first = await rollBack()
      await first.watch.stop()
      await applyRoutes(store.db, [route('d')], { author: 'bob' })
      await create().watch.start()
      assert.equal(await names(), 'b')
    })
  })

  test('a start applies the file to a table that was changed by hand', async () => {
    await save(route('a'))
    const { watch } = create()
    await watch.start()
    await watch.stop()
    await store.psql('truncate routes')
    await create().watch.start()
    assert.equal(await names(), 'a')
  })

  test('tries again over another connection when the database falls silent', async (t) => {
    await save(route('a'))
    const closed: number[] = []
    const { url, acceptedAtMs } = await startFakePostgres(t, (socket) => {
      socket.on('close', () => closed.push(performance.now()))
      void logIn(socket)
    })
    const { watch, errors } = create({ url, connection: { statementTimeoutMs: 50 } })
    await watch.start()
    assert.match(errors()[0]!, /did not answer within 1050ms/)
    await eventually('the end of the first connection', () => closed.length >= 1)
    await eventually('another connection', () => acceptedAtMs.length >= 2)
  })

  test('tries a database that is away no sooner for what happens beside the file', async (t) => {
    await save(route('a'))
    const { url, acceptedAtMs } = await startFakePostgres(t, (socket) => socket.end())
    const { watch } = create({ url })
    const noise = setInterval(() => void writeFile(join(directory, 'log'), String(Math.random())), 20)
    t.after(() => clearInterval(noise))
    await watch.start()
    await eventually('four tries', () => acceptedAtMs.length >= 4)
    // At least half of 200, 400 and 800 ms between them.
    assert.ok(acceptedAtMs[3]! - acceptedAtMs[0]! > 600, acceptedAtMs.join())
  })

  test('reads a file that it could not read as soon as it can', {
    skip: process.geteuid?.() !== 0 && 'only root can become another',
  }, async (t) => {
    await save(route('a'))
    await chmod(file, 0o600)
    await chmod(directory, 0o755)
    process.seteuid?.(65_534)
    t.after(() => process.seteuid?.(0))
    const { watch, errors } = create({ pollIntervalMs: 100 })
    await watch.start()
    assert.match(errors()[0]!, /EACCES/)
    // Nothing of the file changes with that.
    process.seteuid?.(0)
    await eventually('it is applied', async () => (await names()) === 'a', within)
  })

  test('tries again until the database is there', async () => {
    const postgres = await startPostgres()
    const database = openDatabase(postgres.url, { logger: createTestLogger().logger })
    try {
      await migrateUp(database.db)
      await postgres.stop()
      await save(route('a'))
      const { watch, errors, lines } = create({ url: postgres.url })
      await watch.start()
      assert.match(errors()[0]!, /not reachable|shutting down|terminat/)
      await eventually('two more tries', () => lines.filter(({ level }) => level === 'debug').length >= 2)
      await postgres.start()
      await eventually('the routes', async () => (await readRoutes(database.db)).specs.length === 1, {
        timeoutMs: 15_000,
      })
    } finally {
      await watch?.stop()
      await database.close()
      await postgres.close()
    }
  })
})
