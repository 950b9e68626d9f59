import { randomBytes } from 'node:crypto'
import { chown, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { ChildGuard } from '../../src/dev/child-guard.ts'
import { findPostgresBinaries } from '../../src/dev/postgres-binaries.ts'
import { type Cluster, createCluster, type PostgresServer, startPostgresServer } from '../../src/dev/postgres-server.ts'
import { ensurePostgresUser } from '../../src/dev/system-user.ts'
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

/** A private server on a free port. Close it, or the test process does not end. */
export async function startPostgres(): Promise<TestPostgres> {
  const guard = new ChildGuard()
  try {
    return await launch(guard)
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

async function launch(guard: ChildGuard): Promise<TestPostgres> {
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
  let running: PostgresServer = await startPostgresServer(guard, cluster, { settings: SETTINGS })
  const { url, port } = running
  return {
    url,
    port,
    async stop() {
      await running.child.stop()
    },
    async start() {
      running = await startPostgresServer(guard, cluster, { port, settings: SETTINGS })
    },
    async kill() {
      running.child.signalGroup('SIGKILL')
      await running.child.exited
    },
    close: () => guard.close(),
  }
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
