import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, type TestContext, test } from 'node:test'
import { sql } from 'kysely'
import { withTls } from '../../src/config/database-url.ts'
import { openDatabase } from '../../src/store/database.ts'
import { explainDatabaseError } from '../../src/store/database-error.ts'
import { openWatchConnection } from '../../src/store/watch-connection.ts'
import { createAuthority, type IssueOptions, temporaryFiles } from '../support/certificates.ts'
import { needs } from '../support/needs.ts'
import { createTestDatabase, startPostgres } from '../support/postgres.ts'
import { silentLogger } from '../support/silent-logger.ts'

const skip = needs(spawnSync('openssl', ['version']).status === 0, 'openssl is not here')

async function start(t: TestContext, options: IssueOptions & { readonly verify?: boolean } = {}) {
  const authority = createAuthority(temporaryFiles(t))
  const clientCa = options.verify ? authority.cert : undefined
  const postgres = await startPostgres({ tls: { ...authority.issue('server', options), clientCa } })
  t.after(() => postgres.close())
  return { authority, url: postgres.url }
}

/** Whether the connection is encrypted, as the server sees it. */
async function isEncrypted(url: string): Promise<boolean> {
  const database = openDatabase(url, { logger: silentLogger, maxConnections: 1 })
  try {
    const { rows } = await sql<{ ssl: boolean }>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`.execute(
      database.db,
    )
    return rows[0]!.ssl
  } finally {
    await database.close()
  }
}

const failure = (url: string) =>
  isEncrypted(url).then(
    () => assert.fail('it was let in'),
    (error: unknown) => explainDatabaseError(error, url),
  )

describe('a connection to Postgres over TLS', { skip }, () => {
  // The driver warns once in a process, so that all of the tests are watched.
  const warnings: string[] = []
  const onWarning = ({ message }: Error) => void warnings.push(message)
  before(() => void process.on('warning', onWarning))
  after(() => void process.off('warning', onWarning))

  for (const host of ['localhost', '127.0.0.1']) {
    test(`trusts the authority that it is told, for ${host}`, async (t) => {
      const { authority, url } = await start(t)
      const there = url.replace('127.0.0.1', host)
      assert.equal(await isEncrypted(withTls(there, { ca: authority.cert })), true)
      assert.equal(await isEncrypted(`${there}?sslmode=require&sslrootcert=${authority.cert}`), true)
      assert.equal(await isEncrypted(`${there}?sslmode=no-verify`), true)
    })
  }

  test('hears of changes', async (t) => {
    const { authority, url } = await start(t)
    const connected = withTls(url, { ca: authority.cert })
    const { promise: notified, resolve } = Promise.withResolvers<void>()
    const { signal } = new AbortController()
    const events = { onNotified: () => resolve(), onLost: (error: Error) => assert.fail(error) }
    const watch = await openWatchConnection(connected, ['changes'], {}, events, signal)
    await sql`notify changes`.execute(watch.db)
    await notified
    watch.close()
  })

  test('shows its own certificate to a server that asks for one', async (t) => {
    const { authority, url } = await start(t, { verify: true })
    assert.equal(await isEncrypted(withTls(url, { ca: authority.cert, ...authority.issue('router') })), true)
    assert.match(await failure(withTls(url, { ca: authority.cert })), /connection requires a valid client certificate/)
  })

  test('says what is wrong with the certificate of a server', async (t) => {
    const unknown = await start(t)
    assert.match(await failure(withTls(unknown.url, {})), /authority that is not known here: .* database\.tls\.ca/)
    const expired = await start(t, { expired: true })
    assert.match(await failure(withTls(expired.url, { ca: expired.authority.cert })), /has expired/)
    const other = await start(t, { altNames: 'DNS:other.example,DNS:localhost' })
    assert.match(await failure(withTls(other.url, { ca: other.authority.cert })), /for another name .*127\.0\.0\.1/)
  })

  test('does not go on in plain text with a server that does not speak TLS', async (t) => {
    const database = await createTestDatabase()
    t.after(() => database.drop())
    assert.match(await failure(withTls(database.url, {})), /does not speak TLS: turn it on there/)
  })

  test('says which file cannot be read', async () => {
    const url = withTls('postgres://u@127.0.0.1/d', { ca: '/nowhere/ca.crt' })
    assert.match(await failure(url), /^a file for TLS with the database .* cannot be read: ENOENT.*\/nowhere\/ca\.crt/)
  })

  test('has warned of nothing on the screen', async () => {
    // A warning is told in the next turn.
    await new Promise(setImmediate)
    assert.deepEqual(warnings, [])
  })
})
