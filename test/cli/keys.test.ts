import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createApiKey, hashApiKey } from '../../src/exchange/api-key.ts'
import { createTestStore, type TestStore } from '../store/migrated-database.ts'
import { runCli } from './run-cli.ts'

describe('keys', () => {
  let store: TestStore
  const keys = (...words: string[]) => runCli(['keys', ...words], { env: { DATABASE_URL: store.url, NO_COLOR: '1' } })

  before(async () => {
    store = await createTestStore()
  })

  after(() => store.drop())

  test('create prints a key once, and the database has its hash alone', async () => {
    const { code, stdout, stderr } = await keys('create', 'billing', '--scope', 'a', '--scope', 'b', '--expires', '90d')
    assert.equal(code, 0)
    const key = stdout.trim()
    assert.match(key, /^erk_/)
    assert.match(stderr, /shown this once/)
    const [row] = await store.psql('select * from api_keys')
    assert.deepEqual(row?.hash, hashApiKey(key))
    assert.deepEqual(row?.scopes, ['a', 'b'])
    assert.ok(!JSON.stringify(row).includes(key.slice(-43)))
  })

  for (const [when, expiresAt] of [
    ['2127-01-31', '2127-01-31T00:00:00.000Z'],
    ['2128-02-29T00:00:00Z', '2128-02-29T00:00:00.000Z'],
    ['2127-01-31T00:30+02:00', '2127-01-30T22:30:00.000Z'],
  ] as const) {
    test(`create takes ${when} for an expiry`, async () => {
      const { stdout } = await keys('create', 'a', '--expires', when, '--json')
      assert.equal(JSON.parse(stdout).expiresAt, expiresAt)
    })
  }

  test('create says that the unit of an expiry is missing', async () => {
    const { code, stderr } = await keys('create', 'a', '--expires', '5')
    assert.equal(code, 2)
    assert.match(stderr, /--expires 5: a unit is missing: expected a duration such as 90d/)
  })

  test('create makes ids that are no options', () => {
    for (let i = 0; i < 500; i++) assert.match(createApiKey().id, /^[A-Za-z0-9]/)
  })

  test('list shows keys with their state, and revoke changes it', async () => {
    const { id } = JSON.parse((await keys('create', 'shop', '--json')).stdout) as { id: string }
    assert.match((await keys('list')).stdout, new RegExp(`${id} +good +shop`))
    assert.equal((await keys('revoke', id)).code, 0)
    const { keys: list } = JSON.parse((await keys('list', '--json')).stdout) as {
      keys: { id: string; state: string }[]
    }
    assert.equal(list.find((key) => key.id === id)?.state, 'revoked')
  })

  test('revoke says which keys it does not know, and revokes the others', async () => {
    const { id } = JSON.parse((await keys('create', 'shop', '--json')).stdout) as { id: string }
    const { code, stdout, stderr } = await keys('revoke', 'nothing', id)
    assert.equal(code, 1)
    assert.match(stdout, new RegExp(`revoked ${id}`))
    assert.match(stderr, /no such key: nothing/)
  })

  test('revoke says of a key once what it did, however often it is named', async () => {
    const { id } = JSON.parse((await keys('create', 'shop', '--json')).stdout) as { id: string }
    assert.deepEqual(JSON.parse((await keys('revoke', id, id, '--json')).stdout), {
      revoked: [id],
      alreadyRevoked: [],
    })
    assert.equal((await keys('revoke', id, id)).stdout.split('\n').length, 2)
    assert.match((await keys('revoke', 'nothing', 'nothing')).stderr, /no such key: nothing;/)
  })

  test('revoke says of a key that is revoked already that it is, and leaves its time alone', async () => {
    const { id } = JSON.parse((await keys('create', 'shop', '--json')).stdout) as { id: string }
    const revokedAt = async () =>
      (await store.psql('select revoked_at from api_keys where id = $1', [id]))[0]?.revoked_at
    await keys('revoke', id)
    const first = await revokedAt()
    assert.deepEqual(await keys('revoke', id), { code: 0, stdout: `already revoked: ${id}\n`, stderr: '' })
    assert.deepEqual(JSON.parse((await keys('revoke', id, '--json')).stdout), { revoked: [], alreadyRevoked: [id] })
    assert.deepEqual(await revokedAt(), first)
  })

  test('list names its columns as the JSON names its fields', async () => {
    await keys('create', 'shop')
    assert.match((await keys('list')).stdout, /^ID +STATE +SUBJECT ID +NAME/)
  })

  for (const [what, words] of [
    ['no subject', ['create']],
    ['a subject that is not ASCII', ['create', 'bjørn']],
    ['an expiry that is over', ['create', 'a', '--expires', '2020-01-01']],
    ['an expiry on a day that does not exist', ['create', 'a', '--expires', '2127-02-31']],
    ['an expiry in a month that does not exist', ['create', 'a', '--expires', '2127-13-01']],
    ['an expiry at a time of no zone', ['create', 'a', '--expires', '2127-01-31T00:00:00']],
    ['an expiry at an hour that does not exist', ['create', 'a', '--expires', '2127-01-31T25:00:00Z']],
    ['an expiry in words', ['create', 'a', '--expires', 'Jan 31 2127']],
    ['an expiry that is none', ['create', 'a', '--expires', 'soon']],
    ['an expiry beyond all dates', ['create', 'a', '--expires', '999999999d']],
    ['revoke without an id', ['revoke']],
  ] as const) {
    test(`${what} is bad usage`, async () => {
      assert.equal((await keys(...words)).code, 2)
    })
  }
})
