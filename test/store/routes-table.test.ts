import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { after, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import { applyRoutes } from '../../src/store/apply-routes.ts'
import { readRevision, readRoutes, snapshotOf } from '../../src/store/routes-table.ts'
import { createTestStore, route, type TestStore } from './migrated-database.ts'

describe('the routing table', () => {
  let store: TestStore

  before(async () => {
    store = await createTestStore()
  })

  after(() => store.drop())

  beforeEach(() => store.psql('truncate routes'))

  test('is read with its revision', async () => {
    await store.psql(`insert into routes (name, path, subject) values ('b', '/b', 'b'), ('a', '/a', 'a')`)
    const { revision, specs, documents, quarantined } = await readRoutes(store.db)
    assert.equal(revision, await readRevision(store.db))
    assert.deepEqual(
      specs.map(({ name }) => name),
      ['a', 'b'],
    )
    assert.deepEqual(documents, [route('a'), route('b')])
    assert.deepEqual(quarantined, [])
  })

  test('takes every column from a hand-written row', async () => {
    await store.psql(
      `insert into routes (name, kind, host, methods, path, headers, subject, reply, body, websocket, timeout, idle_timeout,
         max_duration, priority, limits, no_responders, forward_headers, policies)
       values ('full', 'http', '*.example.com', '{get,POST}', '/o/{region}', '{"X-Tier": "gold"}',
       'o.{region}', 'many', 'stream', 'rpc', '5s', '6s', '1h', 7, '{"bodyBytes": "1MiB"}',
       '{"retries": 2, "hold": "3s"}', '["X-Tenant"]', '[{"headers": {"response": {"remove": ["server"]}}}]')`,
    )
    const { specs } = await readRoutes(store.db)
    assert.deepEqual(specs, [
      {
        name: 'full',
        match: {
          kind: 'http',
          host: '*.example.com',
          methods: ['GET', 'POST'],
          path: '/o/{region}',
          headers: { 'x-tier': 'gold' },
        },
        subject: 'o.{region}',
        reply: 'many',
        body: 'stream',
        websocket: 'rpc',
        timeoutMs: 5000,
        idleTimeoutMs: 6000,
        maxDurationMs: 3_600_000,
        maxBodyBytes: 1_048_576,
        noResponders: { retries: 2, holdMs: 3000 },
        forwardHeaders: ['x-tenant'],
        params: {},
        policies: [{ kind: 'headers', options: { response: { remove: ['server'] } } }],
        priority: 7,
      },
    ])
  })

  test('counts a revision for each transaction that changes it, and none for one that is rolled back', async () => {
    const before = await readRevision(store.db)
    await store.psql(`insert into routes (name) values ('a'), ('b')`)
    await store.psql(`begin; update routes set subject = 'x'; delete from routes where name = 'a'; commit`)
    await store.psql(`begin; delete from routes; rollback`)
    await store.psql('truncate routes')
    assert.equal(await readRevision(store.db), before + 3)
  })

  test('can be changed by a role that has rights on it alone', async () => {
    const before = await readRevision(store.db)
    const role = `operator_${randomBytes(4).toString('hex')}`
    await store.psql(`create role ${role}; grant insert, update, select on routes to ${role}`)
    try {
      await store.psql(`set role ${role}; insert into routes (name) values ('a'); update routes set subject = 'x'`)
    } finally {
      await store.psql(`drop owned by ${role}; drop role ${role}`)
    }
    assert.equal(await readRevision(store.db), before + 1)
  })

  test('counts every one of many concurrent changes', async () => {
    const before = await readRevision(store.db)
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.psql(`insert into routes (name) values ('r${i}')`)))
    assert.equal(await readRevision(store.db), before + 20)
  })

  test('notifies of a hand-written change, once a transaction', async () => {
    await store.psql(`insert into routes (name) values ('a')`)
    const listener = new pg.Client({ connectionString: store.url })
    await listener.connect()
    try {
      let count = 0
      await listener.query('listen engine_router_routes')
      listener.on('notification', () => count++)
      await store.psql(`begin; update routes set subject = 'x'; update routes set subject = 'y'; commit`)
      if (count === 0) await once(listener, 'notification')
      // What was committed before this answer has been notified before it.
      await listener.query('select 1')
      assert.equal(count, 1)
    } finally {
      await listener.end()
    }
  })

  test('keeps the time of the last change of each row', async () => {
    await store.psql(`insert into routes (name, updated_at) values ('a', '2001-01-01')`)
    await store.psql(`update routes set subject = 'x'`)
    const [row] = await store.psql("select updated_at > now() - interval '1 minute' as recent from routes")
    assert.deepEqual(row, { recent: true })
  })

  test('quarantines rows that do not parse and serves the others', async () => {
    await applyRoutes(store.db, [route('good'), route('bad'), route('worse')], { author: 'test' })
    await store.psql(`update routes set timeout = 'soon' where name = 'bad'`)
    await store.psql(`update routes set headers = '[1]', path = null, subject = null where name = 'worse'`)
    const { specs, quarantined } = await readRoutes(store.db)
    assert.deepEqual(
      specs.map(({ name }) => name),
      ['good'],
    )
    assert.deepEqual(
      quarantined.map(({ name }) => name),
      ['bad', 'worse'],
    )
    assert.deepEqual(quarantined[0]?.issues[0]?.path, ['timeout'])
    assert.match(quarantined[0]?.issues[0]?.message ?? '', /duration/)
  })

  test('quarantines the later-named of two rows that cannot be told apart', async () => {
    await store.psql(
      `insert into routes (name, path, subject) values ('c', '/same', 'c'), ('a', '/same', 'a'), ('b', '/other', 'b')`,
    )
    const { specs, quarantined } = await readRoutes(store.db)
    assert.deepEqual(
      specs.map(({ name }) => name),
      ['a', 'b'],
    )
    assert.deepEqual(
      quarantined.map(({ name }) => name),
      ['c'],
    )
    assert.match(quarantined[0]?.issues[0]?.message ?? '', /`c` and route `a`/)
  })

  test('serves a route again whose only rival is itself quarantined', () => {
    const at = (name: string, methods: string[]) => route(name, { match: { path: '/same', methods } })
    const { specs, quarantined } = snapshotOf(1, [
      at('a', ['GET', 'PUT']),
      at('b', ['PUT', 'POST']),
      at('c', ['POST', 'PATCH']),
    ])
    assert.deepEqual(
      specs.map(({ name }) => name),
      ['a', 'c'],
    )
    assert.deepEqual(
      quarantined.map(({ name }) => name),
      ['b'],
    )
  })

  test('survives rows of any content at all', () => {
    const { specs, quarantined } = snapshotOf(1, [null, 1, 'x', [], {}, { name: 5 }, route('a')])
    assert.equal(specs.length, 1)
    assert.equal(quarantined.length, 6)
  })
})
