import { Kysely, PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import type { Logger } from '../exchange/logger.ts'
import type { Schema } from './schema.ts'

export interface ConnectionOptions {
  /** Shows in pg_stat_activity. */
  readonly name?: string
  readonly connectTimeoutMs?: number
  /** Of one statement. The server is told, and the client waits a second longer for it. */
  readonly statementTimeoutMs?: number
}

export interface DatabaseOptions extends ConnectionOptions {
  readonly logger: Logger
  readonly maxConnections?: number
}

/** What to hand to the functions of this folder, and to close. */
export interface Database {
  readonly db: Kysely<Schema>
  /** Waits for queries under way. */
  close(): Promise<void>
}

/** How long the client goes on waiting for a statement that the server should have ended: then the network is gone. */
const CLIENT_GRACE_MS = 1000

/** In a URL, the modes that the driver takes for `verify-full`, which it warns of on the screen. */
const CHECKED_ALL_THE_SAME = /([?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/

/** How long a connection is waited for, and a statement of it. */
export function databaseWaits({ connectTimeoutMs = 5000, statementTimeoutMs = 10_000 }: ConnectionOptions) {
  return { connectTimeoutMs, statementTimeoutMs, answerTimeoutMs: statementTimeoutMs + CLIENT_GRACE_MS }
}

/** The settings that every connection of ours has. */
export function connectionSettings(url: string, options: ConnectionOptions) {
  const { name = 'engine-router' } = options
  const { connectTimeoutMs, statementTimeoutMs, answerTimeoutMs } = databaseWaits(options)
  return {
    connectionString: url.replace(CHECKED_ALL_THE_SAME, '$1verify-full'),
    application_name: name,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: answerTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
}

/** Opens a pool; it connects when it is first used, so this does not fail when the server is away. */
export function openDatabase(url: string, options: DatabaseOptions): Database {
  const pool = new Pool({ ...connectionSettings(url, options), max: options.maxConnections ?? 4 })
  // An idle connection that breaks says so here; the pool has dropped it and the next query opens another.
  pool.on('error', (error) => options.logger.debug({ err: error }, 'an idle database connection broke'))
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
  return {
    db,
    async close() {
      await db.destroy()
      // The driver that has run no query does not know its pool.
      if (!pool.ended) await pool.end()
    },
  }
}
