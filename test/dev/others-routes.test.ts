import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Io } from '../../src/cli/verb.ts'
import { confirmReplacement, DEV_COMMENT, findOthersRoutes } from '../../src/dev/others-routes.ts'
import { applyRoutes } from '../../src/store/apply-routes.ts'
import { openDatabase } from '../../src/store/database.ts'
import { saveComment } from '../../src/store/routes-file-watch.ts'
import { createTestStore, route, type TestStore } from '../store/migrated-database.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { silentLogger } from '../support/silent-logger.ts'

const FILE = '/home/ann/shop/config/routes.yaml'
const WANTED = [route('hello')]

describe('routes of others in the database', () => {
  let store: TestStore
  beforeEach(async () => {
    store = await createTestStore()
  })
  afterEach(() => store.drop())

  const apply = (names: readonly string[], comment?: string) =>
    applyRoutes(
      store.db,
      names.map((name) => route(name)),
      { author: 'ann', comment },
    )

  test('are found with the revision that has them', async () => {
    await apply(['orders'])
    await apply(['orders', 'hello'])
    assert.deepEqual(await findOthersRoutes(store, WANTED, FILE), { count: 2, revision: 2 })
  })

  test('are of no concern where nothing of them would be lost', async () => {
    assert.equal(await findOthersRoutes(store, WANTED, FILE), undefined)
    await apply(['hello'])
    assert.equal(await findOthersRoutes(store, [...WANTED, route('more')], FILE), undefined)
  })

  test('are not those that dev has applied, at its start or while it watched this file', async () => {
    await apply(['old'], DEV_COMMENT)
    assert.equal(await findOthersRoutes(store, WANTED, FILE), undefined)
    await apply(['older'], saveComment(FILE))
    assert.equal(await findOthersRoutes(store, WANTED, FILE), undefined)
    await apply(['oldest'], saveComment('/home/bob/shop/config/routes.yaml'))
    assert.deepEqual(await findOthersRoutes(store, WANTED, FILE), { count: 1, revision: 3 })
  })

  test('have no revision to go back to once one was changed by hand', async () => {
    await apply(['old'], DEV_COMMENT)
    await store.psql("update routes set timeout = '9s'")
    assert.deepEqual(await findOthersRoutes(store, WANTED, FILE), { count: 1, revision: undefined })
  })

  test('are not in a database that has no tables yet', async () => {
    const { url, drop } = await createTestDatabase()
    const empty = openDatabase(url, { logger: silentLogger })
    assert.equal(await findOthersRoutes(empty, WANTED, FILE), undefined)
    await empty.close()
    await drop()
  })
})

describe('their replacement', () => {
  const where = { database: 'shop on db.example:5432', file: 'config/routes.yaml' }
  const words =
    'shop on db.example:5432 has 12 routes that `npm run dev` has not put there. config/routes.yaml replaces them; ' +
    '`npm run router -- routes rollback 41` brings them back.'

  async function confirm(typed: string | undefined, found = { count: 12, revision: 41 as number | undefined }) {
    const isTTY = typed !== undefined
    const stderr = Object.assign(new PassThrough(), { isTTY })
    const io: Io = {
      stdin: Object.assign(Readable.from([typed ?? '']), { isTTY }),
      stdout: new PassThrough(),
      stderr,
      env: {},
      cwd: '/',
      signal: new AbortController().signal,
    }
    const said: string[] = []
    const outcome = await confirmReplacement(found, where, io, (line) => said.push(line)).then(
      () => 'goes on',
      (error: Error) => error.message,
    )
    return { outcome, said, asked: String(stderr.read() ?? '') }
  }

  test('is asked for on a terminal, where only a yes goes on', async () => {
    assert.deepEqual(await confirm('y\n'), { outcome: 'goes on', said: [], asked: `${words}\nReplace them? [y/N] ` })
    for (const typed of ['\n', 'n\n', '']) {
      const { outcome } = await confirm(typed)
      assert.equal(outcome, 'nothing was changed: unset DATABASE_URL, and dev has a database of its own')
    }
  })

  test('is warned of anywhere else', async () => {
    assert.deepEqual(await confirm(undefined), { outcome: 'goes on', said: [`warning: ${words}`], asked: '' })
  })

  test('names the way to keep what no revision has', async () => {
    const { said } = await confirm(undefined, { count: 1, revision: undefined })
    assert.match(said[0]!, /has 1 route that .* `npm run router -- routes export > routes-before.yaml` keeps them/)
  })
})
