import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { RouterConfig } from '../config/router-config.ts'
import { readRoutesFile } from '../config/routes-file.ts'
import { parseRoute, type RouteSpec } from '../routing/spec.ts'
import { openDatabase } from '../store/database.ts'
import { explainDatabaseError } from '../store/database-error.ts'
import { readRoutes } from '../store/routes-table.ts'
import { SILENT } from './silent-logger.ts'
import { type Io, UsageError, VerbError } from './verb.ts'

const DATABASE_TIMEOUT_MS = 5000

/** Routes as the router has them, in the database. */
export async function readStoredRoutes({ url }: RouterConfig['database']): Promise<readonly RouteSpec[]> {
  const database = openDatabase(url, {
    logger: SILENT,
    connectTimeoutMs: DATABASE_TIMEOUT_MS,
    statementTimeoutMs: DATABASE_TIMEOUT_MS,
    maxConnections: 1,
  })
  try {
    return (await readRoutes(database.db)).specs
  } catch (error) {
    throw new VerbError(`${explainDatabaseError(error, url)}; or name a file with --routes`, { cause: error })
  } finally {
    await database.close()
  }
}

/** Routes of a file. */
export async function readRoutesOf(file: string, io: Io): Promise<readonly RouteSpec[]> {
  const text = await readFile(resolve(io.cwd, file), 'utf8').catch((error: Error) => {
    throw new VerbError(`the routes cannot be read: ${error.message}`, { cause: error })
  })
  return readRoutesFile(text, file).specs
}

/** One route that takes every request to a subject. */
export function createCatchAllRoute(subject: string): readonly RouteSpec[] {
  const parsed = parseRoute({ name: 'call', match: { path: '/{rest...}' }, subject })
  if (parsed.ok) return [parsed.spec]
  throw new UsageError(`--subject ${subject}: ${parsed.issues.map(({ message }) => message).join('; ')}`)
}
