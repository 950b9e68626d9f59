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
/** Of ECMAScript: no `Date` is further from the epoch. */
const MAX_DATE_MS = 8.64e15
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

  test('of tokens until later than now stay so when they are revoked again', async () => {
    await addRevocation(store.db, ALICE)
    await store.psql(`update revocations set revoked_at = now() + interval '1 minute'`)
    const [before] = await listRevocations(store.db)
    assert.deepEqual((await addRevocation(store.db, ALICE)).revokedAt, before?.revokedAt)
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

  test('have times that every router can tell', async () => {
    const columns = 'insert into revocations (kind, value, revoked_at, expires_at) values'
    for (const [revokedAt, expiresAt] of [
      ['infinity', '2100-01-01'],
      ['-infinity', '2100-01-01'],
      ['2000-01-01', 'infinity'],
      ['2000-01-01', '-infinity'],
      ['2000-01-01', '20000-01-01'],
    ]) {
      const insert = store.psql(`${columns} ('jti', 'a', '${revokedAt}', '${expiresAt}')`)
      await assert.rejects(insert, /violates check constraint/, `${revokedAt} ${expiresAt}`)
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

  test('keep tokens out, the others as well, where the times of one are beyond all dates', async () => {
    const odd = await createTestStore()
    try {
      await odd.psql(`alter table revocations drop constraint revocations_revoked_at_check,
        drop constraint revocations_expires_at_check`)
      await odd.psql(`insert into revocations (kind, value, revoked_at, expires_at) values
        ('subject', 'a', '-infinity', 'infinity'), ('subject', 'b', '2000-01-01', '290000-01-01'),
        ('subject', 'c', '290000-01-01', '2100-01-01'), ('subject', 'd', 'infinity', '2100-01-01')`)
      const until2100 = Date.parse('2100-01-01T00:00:00Z')
      const expected = [
        ['a', -MAX_DATE_MS, MAX_DATE_MS],
        ['b', Date.parse('2000-01-01T00:00:00Z'), MAX_DATE_MS],
        ['c', MAX_DATE_MS, until2100],
        ['d', MAX_DATE_MS, until2100],
      ]
      const oddFile = join(directory, 'odd')
      for (const url of [odd.url, NO_DATABASE]) {
        const { watch: it, rows: known } = watchRows(url, oddFile, watchedRevocations, ({ value }) => value)
        await it.start()
        assert.deepEqual(
          known().map(({ value, revokedAtMs, expiresAtMs }) => [value, revokedAtMs, expiresAtMs]),
          expected,
        )
        await eventually('they are on disk', async () => (await stat(oddFile)).size > 0)
        await it.stop()
      }
    } finally {
      await odd.drop()
    }
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
