import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { extname, join, resolve } from 'node:path'
import { type Io, VerbError } from '../cli/verb.ts'
import { hidePassword, hideUserInfo } from '../config/router-config.ts'
import { readRoutesFile } from '../config/routes-file.ts'
import { applyRoutes } from '../store/apply-routes.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { explainDatabaseError } from '../store/database-error.ts'
import { migrateUp } from '../store/migrations.ts'
import { createLogger } from '../telemetry/log.ts'
import type { Child } from './child.ts'
import type { ChildGuard } from './child-guard.ts'
import { nameDatabase } from './named-database.ts'
import { ensureNatsServer, startNatsServer } from './nats-server.ts'
import { confirmReplacement, DEV_COMMENT, findOthersRoutes } from './others-routes.ts'
import { isPortFree } from './ports.ts'
import { startDevPostgres } from './postgres.ts'

const NATS_PORT = 4222
const BACKEND_READY_MS = 10_000

export interface Service {
  readonly url: string
  /** For a person, without secrets: whose it is, and where. */
  readonly description: string
  /** Undefined: it runs already, and is not ours to stop. */
  readonly child: Child | undefined
}

/** The server at `NATS_URL`, or one of our own. */
export async function provideNats(
  guard: ChildGuard,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<Service> {
  if (env.NATS_URL)
    return { url: env.NATS_URL, description: `NATS_URL: ${hideUserInfos(env.NATS_URL)}`, child: undefined }
  const binary = await ensureNatsServer(env, say)
  // The usual port, so that the `nats` command line needs no flag.
  const isFree = await isPortFree(NATS_PORT, '127.0.0.1')
  const { url, child } = await startNatsServer(guard, { binary, ...(isFree && { port: NATS_PORT }) })
  if (!isFree) say(`${NATS_PORT} is taken: backends connect to ${url} (export NATS_URL=${url})`)
  return { url, description: url, child }
}

/** Of a list of servers, as the variable has it. */
function hideUserInfos(servers: string): string {
  return servers.split(',').map(hideUserInfo).join(',')
}

/** The database at `DATABASE_URL`, or one of our own. */
export async function providePostgres(
  guard: ChildGuard,
  env: NodeJS.ProcessEnv,
  dataDirectory: string,
): Promise<Service> {
  const named = env.DATABASE_URL
  if (named) return { url: named, description: `DATABASE_URL: ${nameDatabase(named)}`, child: undefined }
  const { url, child } = await startDevPostgres(guard, dataDirectory)
  return { url, description: hidePassword(url), child }
}

/** The database of somebody else is theirs: asks, or warns, before what is in it makes room for the routes file. */
export async function spareOthersRoutes(url: string, file: string, io: Io, say: (line: string) => void): Promise<void> {
  const { documents } = await readRoutes(file, io.cwd)
  const found = await withDatabase(url, (database) => findOthersRoutes(database, documents, resolve(io.cwd, file)))
  if (found !== undefined) await confirmReplacement(found, { database: nameDatabase(url), file }, io, say)
}

/** Brings the tables up to date; returns what was done, for a person. */
export async function migrate(url: string): Promise<string> {
  return withDatabase(url, async ({ db }) => {
    const applied = await migrateUp(db)
    return applied.map(({ name }) => name).join(', ') || 'up to date'
  })
}

/** Applies the routes file once, so that the router knows it from its first request; returns what was done. */
export async function applyRoutesFile(url: string, file: string, cwd: string): Promise<string> {
  const { documents } = await readRoutes(file, cwd)
  return withDatabase(url, async ({ db }) => {
    const { revision } = await applyRoutes(db, documents, { author: userInfo().username, comment: DEV_COMMENT })
    const change = revision === undefined ? 'unchanged' : `now revision ${revision}`
    return `${documents.length} of ${file}, ${change}`
  })
}

async function readRoutes(file: string, cwd: string) {
  const text = await readFile(resolve(cwd, file), 'utf8').catch((cause: Error) => {
    throw new VerbError(`the routes file cannot be read: ${cause.message}`, { cause })
  })
  return readRoutesFile(text, file)
}

/** Starts the demo backend and waits until it is subscribed. */
export async function startBackend(guard: ChildGuard, natsUrl: string, env: NodeJS.ProcessEnv): Promise<Child> {
  const child = guard.spawn({
    name: 'demo backend',
    command: process.execPath,
    args: [join(import.meta.dirname, `demo-backend${extname(import.meta.filename)}`)],
    env: { ...env, NATS_URL: natsUrl },
  })
  await child.waitForLine(/demo backend ready/, BACKEND_READY_MS)
  return child
}

async function withDatabase<T>(url: string, use: (database: Database) => Promise<T>): Promise<T> {
  const database = openDatabase(url, { logger: createLogger('warn'), maxConnections: 1 })
  try {
    return await use(database)
  } catch (cause) {
    throw new VerbError(explainDatabaseError(cause, url), { cause })
  } finally {
    await database.close()
  }
}
