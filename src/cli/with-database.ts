import type { RouterConfig } from '../config/router-config.ts'
import { InvalidRoutesError } from '../store/apply-routes.ts'
import { type ConnectionOptions, type Database, openDatabase } from '../store/database.ts'
import { explainDatabaseError } from '../store/database-error.ts'
import { MigrationError } from '../store/migrations.ts'
import { UnknownRevisionError } from '../store/route-history.ts'
import { SILENT } from './silent-logger.ts'
import { VerbError } from './verb.ts'

const CONNECT_TIMEOUT_MS = 5000
const STATEMENT_TIMEOUT_MS = 15_000

/** Opens the database for one run of a verb; what goes wrong with it becomes a VerbError that says what to do. */
export async function withDatabase<T>(
  { url }: RouterConfig['database'],
  use: (db: Database['db']) => Promise<T>,
  options: { readonly statementTimeoutMs?: number } = {},
): Promise<T> {
  const connection = {
    name: 'engine-router verb',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    statementTimeoutMs: options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS,
  }
  const database = openDatabase(url, { ...connection, logger: SILENT, maxConnections: 1 })
  try {
    return await use(database.db)
  } catch (error) {
    throw toVerbError(error, url, connection)
  } finally {
    await database.close()
  }
}

function toVerbError(error: unknown, url: string, connection: ConnectionOptions): unknown {
  // Mistakes in the program are not the database's.
  if (error instanceof VerbError || error instanceof TypeError || error instanceof RangeError) return error
  if (error instanceof InvalidRoutesError) {
    return new VerbError(`the routes are refused, and nothing has changed:\n${error.message}`, { cause: error })
  }
  const known = error instanceof UnknownRevisionError || error instanceof MigrationError
  return new VerbError(known ? error.message : explainDatabaseError(error, url, connection), { cause: error })
}
