import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import pg from 'pg'
import { ConfigError } from '../../src/config/config-error.ts'
import { loadConfig } from '../../src/config/load.ts'
import { describeConfig } from '../../src/config/router-config.ts'

const TOKEN = 'a-token-of-an-operator'

function directoryWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'engine-router-secrets-'))
  t.after(() => rmSync(directory, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  return directory
}

const load = (cwd: string, env: NodeJS.ProcessEnv = {}) =>
  loadConfig({ flags: {}, env: { ENGINE_ROUTER_CONFIG: 'router.yaml', ...env }, cwd })

describe('secrets in files of their own', () => {
  const config =
    'listen: { admin: { tokenFile: token } }\ndatabase: { url: postgres://u@h/d, passwordFile: password }\n'

  test('are read without the end of their line, and are not shown', async (t) => {
    const cwd = directoryWith(t, { 'router.yaml': config, token: `${TOKEN}\n`, password: 'p@ss:w%rd/?\r\n' })
    const loaded = await load(cwd)
    assert.equal(loaded.listen.admin.token, TOKEN)
    const url = new URL(loaded.database.url)
    assert.equal(decodeURIComponent(url.password), 'p@ss:w%rd/?')
    assert.deepEqual([url.username, url.host, url.pathname], ['u', 'h', '/d'])
    assert.doesNotMatch(JSON.stringify(describeConfig(loaded)), /ss:w|ss%3Aw|a-token/)
  })

  for (const url of ['postgres:///d?host=/run/postgresql', 'postgres://u@%2Frun%2Fpostgresql/d']) {
    test(`reach the driver of a database at a socket, as in ${url}`, async (t) => {
      const password = 'p@ss:w%2Frd/? &+='
      const database = `database: { url: '${url}', passwordFile: password }`
      const loaded = await load(directoryWith(t, { 'router.yaml': database, password }))
      const client = new pg.Client({ connectionString: loaded.database.url })
      assert.deepEqual([client.host, client.database, client.password], ['/run/postgresql', 'd', password])
      assert.doesNotMatch(JSON.stringify(describeConfig(loaded)), /p@ss|p%40ss/)
    })
  }

  test('give way to what the environment says', async (t) => {
    const cwd = directoryWith(t, { 'router.yaml': config, token: TOKEN, password: 'from-a-file' })
    const env = { ENGINE_ROUTER_ADMIN_TOKEN: 'another-token-of-an-operator', DATABASE_URL: 'postgres://u:own@h/d' }
    const loaded = await load(cwd, env)
    assert.equal(loaded.listen.admin.token, env.ENGINE_ROUTER_ADMIN_TOKEN)
    assert.equal(loaded.database.url, env.DATABASE_URL)
  })

  test('are refused without being shown where they cannot be one', async (t) => {
    const refused = async (files: Readonly<Record<string, string>>, expected: RegExp) => {
      const cwd = directoryWith(t, { 'router.yaml': config, token: TOKEN, password: 'p', ...files })
      await assert.rejects(load(cwd), (error) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, expected)
        assert.doesNotMatch(error.message, /s3cret/)
        return true
      })
    }
    await refused({ token: 's3cret' }, /^listen\.admin\.tokenFile \(token\): expected a token of 16 to 512/)
    await refused({ password: 's3cret\nand more' }, /^database\.passwordFile: password should have one line/)
    await refused({ password: '' }, /^database\.passwordFile: password should have one line/)
    await refused(
      { 'router.yaml': 'database: { passwordFile: /nowhere/s }' },
      /^database\.passwordFile: \/nowhere\/s cannot be read: ENOENT/,
    )
  })
})

describe('TLS with servers', () => {
  test('takes the place of what the URL of the database says of it', async (t) => {
    const tls = 'database: { url: "postgres://u@h/d?sslmode=disable&x=1", tls: { ca: a.crt, cert: b.crt, key: b.key } }'
    const { searchParams } = new URL((await load(directoryWith(t, { 'router.yaml': tls }))).database.url)
    assert.deepEqual(Object.fromEntries(searchParams), {
      x: '1',
      sslmode: 'verify-full',
      sslrootcert: 'a.crt',
      sslcert: 'b.crt',
      sslkey: 'b.key',
    })
  })

  test('is asked for by an empty section too', async (t) => {
    const cwd = directoryWith(t, { 'router.yaml': 'nats: { tls: {} }\ndatabase: { tls: {} }' })
    const { nats, database } = await load(cwd)
    assert.deepEqual(nats.tls, { ca: undefined, cert: undefined, key: undefined })
    assert.match(database.url, /\?sslmode=verify-full$/)
  })

  test('needs a key for a certificate, and a certificate for a key', async (t) => {
    for (const [given, missing] of [
      ['cert', 'key'],
      ['key', 'cert'],
    ] as const) {
      const cwd = directoryWith(t, { 'router.yaml': `nats: { tls: { ${given}: x } }` })
      await assert.rejects(load(cwd), new RegExp(`nats\\.tls\\.${missing}: is missing; it goes with ${given}`))
    }
  })
})
