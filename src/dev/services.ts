import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { extname, join, resolve } from 'node:path'
import { VerbError } from '../cli/verb.ts'
import { readRoutesFile } from '../config/routes-file.ts'
import { applyRoutes } from '../store/apply-routes.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { explainDatabaseError } from '../store/database-error.ts'
import { migrateUp } from '../store/migrations.ts'
import { createLogger } from '../telemetry/log.ts'
import type { Child } from './child.ts'
import type { ChildGuard } from './child-guard.ts'
import { ensureNatsServer, startNatsServer } from './nats-server.ts'
import { isPortFree } from './ports.ts'
import { startDevPostgres } from './postgres.ts'

const NATS_PORT = 4222
const BACKEND_READY_MS = 10_000

export interface Service {
  readonly url: string
  /** Undefined: it runs already, and is not ours to stop. */
  readonly child: Child | undefined
}

/** The server at `NATS_URL`, or one of our own. */
export async function provideNats(
  guard: ChildGuard,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<Service> {
  if (env.NATS_URL) return { url: env.NATS_URL, child: undefined }
  const binary = await ensureNatsServer(env, say)
  // The usual port, so that the `nats` command line needs no flag.
  const port = (await isPortFree(NATS_PORT, '127.0.0.1')) ? { port: NATS_PORT } : {}
  return startNatsServer(guard, { binary, ...port })
}

/** The database at `DATABASE_URL`, or one of our own. */
export async function providePostgres(
  guard: ChildGuard,
  env: NodeJS.ProcessEnv,
  dataDirectory: string,
): Promise<Service> {
  if (env.DATABASE_URL) return { url: env.DATABASE_URL, child: undefined }
  return startDevPostgres(guard, dataDirectory)
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
  const text = await readFile(resolve(cwd, file), 'utf8').catch((cause: Error) => {
    throw new VerbError(`the routes file cannot be read: ${cause.message}`, { cause })
  })
  const { documents } = readRoutesFile(text, file)
  return withDatabase(url, async ({ db }) => {
    const { revision } = await applyRoutes(db, documents, { author: userInfo().username, comment: 'npm run dev' })
    const change = revision === undefined ? 'unchanged' : `now revision ${revision}`
    return `${documents.length} of ${file}, ${change}`
  })
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
