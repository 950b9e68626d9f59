import { randomBytes } from 'node:crypto'
import { chown, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { ChildGuard } from '../../src/dev/child-guard.ts'
import { findPostgresBinaries } from '../../src/dev/postgres-binaries.ts'
import { type Cluster, createCluster, type PostgresServer, startPostgresServer } from '../../src/dev/postgres-server.ts'
import { ensurePostgresUser, type SystemUser } from '../../src/dev/system-user.ts'
import { openDatabase } from '../../src/store/database.ts'
import { migrateUp } from '../../src/store/migrations.ts'
import { silentLogger } from './silent-logger.ts'

/** What a machine's crash would lose does not matter here; a commit must survive the server's own. */
const SETTINGS = ['fsync=off', 'full_page_writes=off', 'max_connections=200', 'shared_buffers=32MB']

export interface TestPostgres {
  readonly url: string
  readonly port: number
  /** Cuts its clients off; the data stays for `start`. */
  stop(): Promise<void>
  /** Again, on the same port. */
  start(): Promise<void>
  /** As a crash: SIGKILL. */
  kill(): Promise<void>
  /** Stops it for good and deletes its data. */
  close(): Promise<void>
}

export interface PostgresOptions {
  /** It takes connections over TLS alone; where authorities are named, of clients with a certificate of theirs. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string | undefined }
}

/** A private server on a free port. Close it, or the test process does not end. */
export async function startPostgres(options: PostgresOptions = {}): Promise<TestPostgres> {
  const guard = new ChildGuard()
  try {
    return await launch(guard, options)
  } catch (error) {
    await guard.close()
    throw error
  }
}

export interface TestDatabase {
  readonly url: string
  drop(): Promise<void>
}

/** A database of its own on the shared server: empty, or with our tables. */
export async function createTestDatabase(options: { readonly migrated?: boolean } = {}): Promise<TestDatabase> {
  const server = await sharedUrl()
  const name = `test_${randomBytes(6).toString('hex')}`
  await execute(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  if (options.migrated) await migrate(url.href)
  return { url: url.href, drop: () => execute(server, `drop database if exists ${name} with (force)`) }
}

let shared: Promise<TestPostgres> | undefined

async function sharedUrl(): Promise<string> {
  const url = process.env.TEST_DATABASE_URL
  if (url) return url
  shared ??= launchShared()
  return (await shared).url
}

async function launchShared(): Promise<TestPostgres> {
  const guard = new ChildGuard()
  const server = await launch(guard)
  guard.unref()
  return server
}

async function launch(guard: ChildGuard, { tls }: PostgresOptions = {}): Promise<TestPostgres> {
  const user = ensurePostgresUser()
  const binaries = await findPostgresBinaries(user)
  const directory = await mkdtemp(join(tmpdir(), 'engine-router-postgres-'))
  guard.removeAtEnd(directory)
  if (user) await chown(directory, user.uid, user.gid)
  const cluster: Cluster = {
    binaries,
    user,
    directory: join(directory, 'data'),
    password: randomBytes(12).toString('hex'),
  }
  await createCluster(guard, cluster)
  const settings = tls === undefined ? SETTINGS : [...SETTINGS, ...(await tlsSettings(tls, directory, user))]
  let running: PostgresServer = await startPostgresServer(guard, cluster, { settings })
  const { url, port } = running
  return {
    url,
    port,
    async stop() {
      await running.child.stop()
    },
    async start() {
      running = await startPostgresServer(guard, cluster, { port, settings })
    },
    async kill() {
      running.child.signalGroup('SIGKILL')
      await running.child.exited
    },
    close: () => guard.close(),
  }
}

/** Postgres takes only files that are its own. */
async function tlsSettings(tls: NonNullable<PostgresOptions['tls']>, directory: string, user: SystemUser | undefined) {
  const own = async (name: string, text: string | Buffer) => {
    const path = join(directory, name)
    await writeFile(path, text, { mode: 0o600 })
    if (user) await chown(path, user.uid, user.gid)
    return path
  }
  const { cert, key, clientCa } = tls
  const wanted = clientCa === undefined ? '' : ' clientcert=verify-ca'
  return [
    'ssl=on',
    `ssl_cert_file=${await own('server.crt', await readFile(cert))}`,
    `ssl_key_file=${await own('server.key', await readFile(key))}`,
    `hba_file=${await own('hba.conf', `hostssl all all 127.0.0.1/32 scram-sha-256${wanted}\n`)}`,
    ...(clientCa === undefined ? [] : [`ssl_ca_file=${await own('clients.crt', await readFile(clientCa))}`]),
  ]
}

async function migrate(url: string): Promise<void> {
  const database = openDatabase(url, { logger: silentLogger, maxConnections: 1 })
  try {
    await migrateUp(database.db)
  } finally {
    await database.close()
  }
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
