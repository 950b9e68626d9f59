import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { migrateDown, migrateUp } from '../../src/store/migrations.ts'
import {
  addRevocation,
  deleteRevocation,
  listRevocations,
  type NewRevocation,
  watchedRevocations,
} from '../../src/store/revocations.ts'
import { eventually } from '../support/eventually.ts'
import { createTestStore, type TestStore } from './migrated-database.ts'
import { NO_DATABASE, watchRows } from './rows-watch.ts'

const HOUR_MS = 3_600_000
const ALICE: NewRevocation = { kind: 'subject', value: 'alice', issuer: null, reason: null, expiresInMs: HOUR_MS }

describe('revocations', () => {
  let store: TestStore
  let directory: string

  before(async () => {
    store = await createTestStore()
    directory = await mkdtemp(join(tmpdir(), 'engine-router-revocations-'))
  })

  afterEach(() => store.psql('delete from revocations'))

  after(async () => {
    await store.drop()
    await rm(directory, { recursive: true })
  })

  const rows = () => store.psql('select * from revocations')

  test('hold from now on, by the clock of the database, for as long as was asked', async () => {
    const { revokedAt, expiresAt } = await addRevocation(store.db, ALICE)
    assert.equal(expiresAt.getTime() - revokedAt.getTime(), HOUR_MS)
    const [row] = await store.psql(`select now() - revoked_at < interval '1 minute' as fresh from revocations`)
    assert.equal(row?.fresh, true)
  })

  test('of the same tokens are one, which never ends sooner than it did', async () => {
    const first = await addRevocation(store.db, { ...ALICE, reason: 'lost her phone' })
    const second = await addRevocation(store.db, { ...ALICE, expiresInMs: 1000 })
    assert.equal((await rows()).length, 1)
    assert.ok(second.revokedAt > first.revokedAt)
    assert.deepEqual([second.expiresAt, second.reason], [first.expiresAt, 'lost her phone'])
  })

  test('of another kind or issuer are others', async () => {
    const other: NewRevocation[] = [ALICE, { ...ALICE, kind: 'jti' }, { ...ALICE, issuer: 'https://a.example' }]
    for (const each of other) await addRevocation(store.db, each)
    assert.deepEqual(
      (await listRevocations(store.db)).map(({ kind, issuer }) => [kind, issuer]),
      [
        ['subject', null],
        ['jti', null],
        ['subject', 'https://a.example'],
      ],
    )
    const deleted = await deleteRevocation(store.db, ALICE)
    assert.deepEqual([deleted?.kind, deleted?.issuer], ['subject', null])
    assert.equal(await deleteRevocation(store.db, ALICE), undefined)
    assert.equal((await rows()).length, 2)
  })

  test('that have expired are not listed, and go with the next write', async () => {
    const expire = () => store.psql(`update revocations set expires_at = now() - interval '1 s'`)
    await addRevocation(store.db, ALICE)
    await expire()
    assert.deepEqual(await listRevocations(store.db), [])
    assert.equal((await rows()).length, 1)
    await addRevocation(store.db, { ...ALICE, value: 'bob' })
    assert.deepEqual(
      (await rows()).map(({ value }) => value),
      ['bob'],
    )
    await expire()
    assert.equal(await deleteRevocation(store.db, { ...ALICE, value: 'bob' }), undefined)
    assert.deepEqual(await rows(), [])
  })

  test('can be written by hand: 30 days, unless the row says otherwise', async () => {
    await store.psql(`insert into revocations (kind, value) values ('jti', 'a')`)
    const [{ revokedAt, expiresAt } = assert.fail()] = await listRevocations(store.db)
    assert.equal(Math.round((expiresAt.getTime() - revokedAt.getTime()) / HOUR_MS / 24), 30)
    for (const values of [`('user', 'a')`, `('jti', '')`, `('jti', 'a')`]) {
      await assert.rejects(store.psql(`insert into revocations (kind, value) values ${values}`), values)
    }
  })

  const file = () => join(directory, 'revocations')
  const watch = (url: string) => watchRows(url, file(), watchedRevocations, ({ value }) => value)

  test('are known to routers at once, and on disk for a start without the database, for its owner alone', async () => {
    const first = watch(store.url)
    await first.watch.start()
    await addRevocation(store.db, ALICE)
    await addRevocation(store.db, { ...ALICE, value: 'bob', issuer: 'https://a.example' })
    await eventually('both are known', () => first.seen() === 'database: alice,bob', { timeoutMs: 1000 })
    await deleteRevocation(store.db, ALICE)
    await eventually('one is taken back', () => first.seen() === 'database: bob', { timeoutMs: 1000 })
    const known = first.rows()
    await eventually('it is on disk', async () => (await stat(file())).size > 0)
    await first.watch.stop()
    assert.equal((await stat(file())).mode & 0o777, 0o600)
    const second = watch(NO_DATABASE)
    await second.watch.start()
    await second.watch.stop()
    assert.equal(second.seen(), 'cache: bob')
    assert.deepEqual(second.rows(), known)
  })

  test('are none while the migration is yet to come, and there then', async () => {
    while ((await migrateDown(store.db)).some(({ name }) => name !== '0005_revocations'));
    const { watch: it, seen, lines } = watch(store.url)
    await it.start()
    assert.equal(seen(), 'database: ')
    assert.match(lines.map(({ message }) => message).join('\n'), /does not have the table of revocations yet/)
    await migrateUp(store.db)
    await addRevocation(store.db, ALICE)
    await eventually('it is there', () => seen() === 'database: alice')
    await it.stop()
  })
})
