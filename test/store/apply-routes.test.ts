import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { applyRoutes, InvalidRoutesError, previewRoutes } from '../../src/store/apply-routes.ts'
import { readHistory, rollbackRoutes, UnknownRevisionError } from '../../src/store/route-history.ts'
import { readRevision, readRoutes } from '../../src/store/routes-table.ts'
import { createTestStore, route, type TestStore } from './migrated-database.ts'

const full: RouteDocument = {
  name: 'full',
  match: { kind: 'http', host: '*.example.com', methods: ['GET'], path: '/f/{x}', headers: { 'x-tier': 'gold' } },
  subject: 'f.{x}',
  reply: 'many',
  body: 'stream',
  websocket: 'rpc',
  timeout: '5s',
  idleTimeout: '6s',
  maxDuration: '1h',
  limits: { bodyBytes: '1MiB' },
  noResponders: { retries: 2, hold: '3s' },
  forwardHeaders: 'all',
  priority: -3,
}

describe('applying routes', () => {
  let store: TestStore
  const by = { author: 'ann' }

  before(async () => {
    store = await createTestStore()
  })

  after(() => store.drop())

  beforeEach(() => store.psql('truncate routes, route_revisions'))

  async function names(): Promise<string[]> {
    return (await readRoutes(store.db)).specs.map(({ name }) => name)
  }

  test('makes the table hold them, and says what it did', async () => {
    await applyRoutes(store.db, [route('a'), route('b'), route('c')], by)
    const { plan, revision } = await applyRoutes(store.db, [route('a'), route('c', { timeout: '1s' }), full], by)
    assert.deepEqual(plan, {
      added: ['full'],
      changed: [{ name: 'c', changes: [{ field: 'timeout', from: undefined, to: '1s' }] }],
      removed: ['b'],
      unchanged: 1,
    })
    assert.equal(revision, await readRevision(store.db))
    const { documents } = await readRoutes(store.db)
    assert.deepEqual(documents, [route('a'), route('c', { timeout: '1s' }), full])
  })

  test('keeps a duration that is the number 0', async () => {
    await applyRoutes(store.db, [route('a', { maxDuration: 0 })], by)
    assert.deepEqual((await readRoutes(store.db)).documents, [route('a', { maxDuration: '0' })])
    assert.equal((await applyRoutes(store.db, [route('a', { maxDuration: 0 })], by)).plan.unchanged, 1)
  })

  test('resets to the default what a document no longer says', async () => {
    await applyRoutes(store.db, [full], by)
    const bare = route('full', { match: { path: '/f/{x}' }, subject: 'f' })
    await applyRoutes(store.db, [bare], by)
    assert.deepEqual((await readRoutes(store.db)).documents, [bare])
  })

  test('does nothing at all when nothing would behave differently', async () => {
    const { revision } = await applyRoutes(store.db, [route('a', { timeout: '5s' })], by)
    const again = await applyRoutes(store.db, [route('a', { timeout: '5000ms', reply: 'single' })], by)
    assert.equal(again.revision, undefined)
    assert.equal(again.plan.unchanged, 1)
    assert.equal(await readRevision(store.db), revision)
    assert.equal((await readHistory(store.db, 10)).length, 1)
  })

  test('is one revision, with author, comment and time', async () => {
    const { revision } = await applyRoutes(store.db, [route('a'), route('b')], { author: 'ann', comment: 'more' })
    const [entry, ...older] = await readHistory(store.db, 10)
    assert.deepEqual(older, [])
    assert.ok(Math.abs(Date.now() - entry!.createdAt.getTime()) < 60_000)
    assert.deepEqual(
      { ...entry, createdAt: undefined },
      { revision, createdAt: undefined, author: 'ann', comment: 'more', action: 'apply', routeCount: 2 },
    )
  })

  test('refuses all of them when one is invalid', async () => {
    await applyRoutes(store.db, [route('a')], by)
    const before = await readRevision(store.db)
    await assert.rejects(
      applyRoutes(store.db, [route('b'), route('c', { timeout: 'soon' })], by),
      (error) => error instanceof InvalidRoutesError && error.issues[0]?.path.join('.') === 'routes.1.timeout',
    )
    await assert.rejects(applyRoutes(store.db, [route('b'), route('b')], by), InvalidRoutesError)
    assert.deepEqual(await names(), ['a'])
    assert.equal(await readRevision(store.db), before)
  })

  test('keeps the other routes without prune, and refuses what is ambiguous with them', async () => {
    await applyRoutes(store.db, [route('a'), route('b')], by)
    const { plan } = await applyRoutes(store.db, [route('c')], { ...by, prune: false })
    assert.deepEqual(plan.removed, [])
    assert.deepEqual(await names(), ['a', 'b', 'c'])
    await assert.rejects(
      applyRoutes(store.db, [route('d', { match: { path: '/a' } })], { ...by, prune: false }),
      (error) => error instanceof InvalidRoutesError && error.issues[0]?.path.join('.') === 'routes.0.match',
    )
  })

  test('mends a quarantined row of the same name, and removes one that is not named', async () => {
    await store.psql(`insert into routes (name, timeout) values ('a', 'soon'), ('b', 'soon')`)
    const { plan } = await applyRoutes(store.db, [route('a')], by)
    assert.deepEqual(
      plan.changed.map(({ name }) => name),
      ['a'],
    )
    assert.deepEqual(plan.removed, ['b'])
    const { quarantined } = await readRoutes(store.db)
    assert.deepEqual(quarantined, [])
  })

  test('is serialised: of many at a time each sees the one before', async () => {
    const tables = Array.from({ length: 8 }, (_, i) => [route(`only-${i}`)])
    const results = await Promise.all(tables.map((documents) => applyRoutes(store.db, documents, by)))
    const revisions = results.map(({ revision }) => revision)
    assert.equal(new Set(revisions).size, 8)
    // Each but the first removed what the one before it had put there.
    const removed = results.flatMap(({ plan }) => plan.removed)
    assert.equal(removed.length, 7)
    const [last] = await names()
    const newest = results.find(({ revision }) => revision === Math.max(...revisions.map(Number)))
    assert.deepEqual(newest?.plan.added, [last])
  })

  test('waits for a change by hand that is under way, and sees it', async () => {
    await applyRoutes(store.db, [route('a')], by)
    let applying: ReturnType<typeof applyRoutes> | undefined
    await store.db.transaction().execute(async (byHand) => {
      await byHand.updateTable('routes').set({ subject: 'other' }).execute()
      applying = applyRoutes(store.db, [route('a')], by)
      for (;;) {
        const [waiting] = await store.psql(`select from pg_locks where relation = 'routes'::regclass and not granted`)
        if (waiting !== undefined) break
      }
    })
    const { plan } = await applying!
    assert.deepEqual(plan.changed, [{ name: 'a', changes: [{ field: 'subject', from: 'other', to: 'a' }] }])
  })

  test('previews the same plan and changes nothing', async () => {
    await applyRoutes(store.db, [route('a')], by)
    const before = await readRevision(store.db)
    const preview = await previewRoutes(store.db, [route('b')])
    assert.equal(await readRevision(store.db), before)
    assert.deepEqual(preview, (await applyRoutes(store.db, [route('b')], by)).plan)
  })

  test('takes SQL in any text for data', async () => {
    const evil = `x'); drop table routes; --`
    const documents = [
      route('a', { match: { path: '/a', headers: { 'x-evil': evil } }, subject: `a.');drop` }),
      route('b', { forwardHeaders: [`'`] }),
    ]
    await applyRoutes(store.db, documents, { author: evil, comment: `${evil}\u{1F600}` })
    assert.deepEqual((await readRoutes(store.db)).documents, documents)
    const [entry] = await readHistory(store.db, 1)
    assert.equal(entry?.author, evil)
    await store.psql('insert into routes (name) values ($1)', [evil])
    assert.equal((await readRoutes(store.db)).quarantined[0]?.name, evil)
    const { plan } = await applyRoutes(store.db, documents, by)
    assert.deepEqual(plan.removed, [evil])
  })

  test('rolls back to an earlier revision, as a new one', async () => {
    const first = await applyRoutes(store.db, [route('a'), full], by)
    const second = await applyRoutes(store.db, [route('b')], by)
    const { plan, revision } = await rollbackRoutes(store.db, first.revision!, { author: 'bob' })
    assert.deepEqual(plan.added, ['a', 'full'])
    assert.deepEqual(plan.removed, ['b'])
    assert.deepEqual((await readRoutes(store.db)).documents, [route('a'), full])
    const history = await readHistory(store.db, 10)
    assert.deepEqual(
      history.map((entry) => [entry.revision, entry.action, entry.author, entry.comment]),
      [
        [revision, 'rollback', 'bob', `back to revision ${first.revision}`],
        [second.revision, 'apply', 'ann', undefined],
        [first.revision, 'apply', 'ann', undefined],
      ],
    )
  })

  test('refuses to roll back to a revision that there never was', async () => {
    await assert.rejects(rollbackRoutes(store.db, 999_999, by), UnknownRevisionError)
  })
})
