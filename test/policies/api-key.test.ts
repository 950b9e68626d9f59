import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addApiKey, type NewApiKey, revokeApiKey, watchedApiKeys } from '../../src/store/api-keys.ts'
import { TableWatch } from '../../src/store/table-watch.ts'
import { watched } from '../../src/store/watched-table.ts'
import { createTestStore, type TestStore } from '../store/migrated-database.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { natsUrl } from '../support/nats.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { type GuardedBackend, startGuardedBackend } from './guarded-backend.ts'

const P = `t${process.pid}keys`
const KEY: NewApiKey = { name: 'test', subjectId: 'billing', scopes: ['read', 'write'], expiresAt: undefined }

describe('apiKey policy', () => {
  let store: TestStore
  let backend: GuardedBackend
  let gateway: Gateway
  let watch: TableWatch

  before(async () => {
    store = await createTestStore()
    backend = await startGuardedBackend(P)
    const policies = [{ apiKey: { scopes: ['read'] } }]
    gateway = await startGateway({
      natsUrl: await natsUrl(),
      routes: [
        { name: 'whole', match: { path: '/whole' }, subject: `${P}.whole`, policies },
        {
          name: 'admin',
          match: { path: '/admin' },
          subject: `${P}.whole`,
          policies: [{ apiKey: { scopes: ['admin'] } }],
        },
        { name: 'open', match: { path: '/open' }, subject: `${P}.whole`, policies: [{ apiKey: { optional: true } }] },
        { name: 'events', match: { path: '/events' }, subject: `${P}.events`, reply: 'many', policies },
      ],
    })
    watch = new TableWatch({
      url: store.url,
      logger: silentLogger,
      pollIntervalMs: 60_000,
      tables: [watched(watchedApiKeys(undefined, (keys) => gateway.apiKeys.replace(keys)))],
    })
  })

  after(async () => {
    await watch.stop()
    await gateway.close()
    await backend.close()
    await store.drop()
  })

  const get = (path: string, key?: string) =>
    fetch(`${gateway.url}${path}`, { headers: key === undefined ? {} : { 'x-api-key': key } })
  const add = async (over: Partial<NewApiKey> = {}) => {
    const added = await addApiKey(store.db, { ...KEY, ...over })
    await eventually('the router knows the key', () => gateway.apiKeys.find(added.id) !== undefined)
    return added
  }
  const code = async (response: Response) => ((await response.json()) as { code: string }).code

  test('answers busy before it knows the table', async () => {
    const { key } = await addApiKey(store.db, KEY)
    const response = await get('/whole', key)
    assert.deepEqual([response.status, await code(response)], [503, 'busy'])
    await watch.start()
    assert.equal((await get('/whole', key)).status, 200)
  })

  test('lets a key in, tells the backend who it is, and keeps the key to itself', async () => {
    const { key } = await add()
    assert.equal((await get('/whole', key)).status, 200)
    assert.equal(backend.request?.headers?.get('Sx-Subject-Id'), 'billing')
    assert.equal(backend.request?.headers?.has('x-api-key'), false)
  })

  test('a client cannot say itself who it is', async () => {
    const { status } = await fetch(`${gateway.url}/open`, { headers: { 'sx-subject-id': 'admin' } })
    assert.equal(status, 200)
    assert.equal(backend.request?.headers?.has('Sx-Subject-Id'), false)
  })

  test('refuses no key, what is none, an unknown one and a wrong secret, with a challenge', async () => {
    const { key } = await add()
    const other = await addApiKey(store.db, KEY)
    for (const shown of [
      undefined,
      '',
      'x',
      `${key}x`,
      `${key.slice(0, -4)}AAAA`,
      `erk_${other.id}${key.slice('erk_'.length + other.id.length)}`,
    ]) {
      const response = await get('/whole', shown)
      assert.deepEqual([response.status, await code(response)], [401, 'unauthorized'], String(shown))
      assert.equal(response.headers.get('www-authenticate'), 'ApiKey')
    }
    assert.equal((await get('/open', 'x')).status, 401)
  })

  test('refuses a key that lacks a scope', async () => {
    const { key } = await add()
    const response = await get('/admin', key)
    assert.deepEqual([response.status, await code(response)], [403, 'forbidden'])
  })

  test('refuses a key that has expired', async () => {
    const { id, key } = await add()
    assert.equal((await get('/whole', key)).status, 200)
    await store.psql(`update api_keys set expires_at = now() - interval '1 s' where id = $1`, [id])
    await eventually('it has expired', async () => (await get('/whole', key)).status === 401)
  })

  test('revoking a key cuts its streams within a second, and no others', async () => {
    const one = await add()
    const two = await add()
    const cut = await get('/events', one.key)
    const kept = await get('/events', two.key)
    const reader = kept.body!.getReader()
    const ended = assert.rejects(cut.text())
    const startedMs = performance.now()
    await revokeApiKey(store.db, one.id)
    await ended
    assert.ok(performance.now() - startedMs < 1000)
    assert.equal((await get('/whole', one.key)).status, 401)
    assert.equal((await reader.read()).done, false)
    await reader.cancel()
    await eventually('no stream is left', () => gateway.transport.size === 0)
  })

  test('a changed row is another key: what was opened with the old one ends', async () => {
    const { id, key } = await add()
    const response = await get('/events', key)
    const ended = assert.rejects(response.text())
    await store.psql('update api_keys set subject_id = $1 where id = $2', ['other', id])
    await ended
    assert.equal((await get('/whole', key)).status, 200)
    assert.equal(backend.request?.headers?.get('Sx-Subject-Id'), 'other')
  })

  test('an expiry ends a stream', async () => {
    const { key } = await add({ expiresAt: new Date(Date.now() + 2000) })
    const response = await get('/events', key)
    assert.equal(response.status, 200)
    await assert.rejects(response.text())
  })

  test('nothing is left of all that', () => gateway.assertIdle())
})
