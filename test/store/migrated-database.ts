import pg from 'pg'
import type { Logger } from '../../src/exchange/logger.ts'
import type { RouteDocument } from '../../src/routing/spec.ts'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { migrateUp } from '../../src/store/migrations.ts'
import { createTestDatabase } from '../support/postgres.ts'

export interface TestStore extends Database {
  readonly url: string
  /** As someone with psql would. */
  psql(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  drop(): Promise<void>
}

/** A database of its own with the tables in it. */
export async function createTestStore(): Promise<TestStore> {
  const { url, drop } = await createTestDatabase()
  const database = openDatabase(url, { logger: silent })
  await migrateUp(database.db)
  return {
    ...database,
    url,
    psql: (sql, values) => query(url, sql, values),
    async drop() {
      await database.close()
      await drop()
    },
  }
}

/** One statement on a connection of its own. */
export async function query(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql, [...values])).rows
  } finally {
    await client.end()
  }
}

/** The smallest valid route. */
export function route(name: string, more: Partial<RouteDocument> = {}): RouteDocument {
  return { name, match: { path: `/${name}` }, subject: name, ...more }
}

export interface LogLine {
  readonly level: keyof Logger
  readonly fields: object
  readonly message: string
}

/** Keeps what is logged. */
export function createTestLogger(): { readonly logger: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const at = (level: keyof Logger) => (fields: object, message: string) => void lines.push({ level, fields, message })
  return { logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, lines }
}

const silent: Logger = createTestLogger().logger
