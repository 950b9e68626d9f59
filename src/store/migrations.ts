import { readdir, readFile } from 'node:fs/promises'
import { type Kysely, sql } from 'kysely'
import { type Migration, type MigrationResultSet, Migrator, NO_MIGRATIONS } from 'kysely/migration'
import type { Schema } from './schema.ts'

export interface MigrationStep {
  readonly name: string
  readonly direction: 'up' | 'down'
}

export interface MigrationState {
  readonly name: string
  /** Undefined: not applied. */
  readonly appliedAt: Date | undefined
}

/** Two folders up from both src/store and dist/store. */
const FOLDER = new URL('../../migrations/', import.meta.url)

/** What the library says of a migration that was applied and is not in the folder. */
const OF_ANOTHER_RELEASE = /^corrupted migrations: previously executed migration (.+) is missing$/

/** Applies what is not applied yet, all in one transaction. Concurrent callers wait for each other. */
export async function migrateUp(db: Kysely<Schema>): Promise<readonly MigrationStep[]> {
  return steps(await createMigrator(db).migrateToLatest())
}

/** Reverts the last applied migration. */
export async function migrateDown(db: Kysely<Schema>): Promise<readonly MigrationStep[]> {
  return steps(await createMigrator(db).migrateDown())
}

/** Reverts all migrations, which deletes all that their tables hold, and applies them again. */
export async function migrateFresh(db: Kysely<Schema>): Promise<readonly MigrationStep[]> {
  const migrator = createMigrator(db)
  const down = steps(await migrator.migrateTo(NO_MIGRATIONS))
  return [...down, ...steps(await migrator.migrateToLatest())]
}

/** All migrations in order, and when each was applied. */
export async function migrationStates(db: Kysely<Schema>): Promise<readonly MigrationState[]> {
  const migrations = await createMigrator(db).getMigrations()
  return migrations.map(({ name, executedAt }) => ({ name, appliedAt: executedAt }))
}

function createMigrator(db: Kysely<Schema>): Migrator {
  return new Migrator({
    db,
    provider: { getMigrations: readMigrations },
    // Names of our own: the database may be shared with an application that uses the same library.
    migrationTableName: 'engine_router_migrations',
    migrationLockTableName: 'engine_router_migrations_lock',
  })
}

async function readMigrations(): Promise<Record<string, Migration>> {
  const migrations: Record<string, Migration> = {}
  for (const file of await readdir(FOLDER)) {
    const name = /^(.+)\.up\.sql$/.exec(file)?.[1]
    if (name === undefined) continue
    migrations[name] = { up: (db) => runFile(db, `${name}.up.sql`), down: (db) => runFile(db, `${name}.down.sql`) }
  }
  return migrations
}

async function runFile(db: Kysely<unknown>, file: string): Promise<void> {
  await sql.raw(await readFile(new URL(file, FOLDER), 'utf8')).execute(db)
}

function steps({ error, results }: MigrationResultSet): readonly MigrationStep[] {
  if (error !== undefined) throw explain(error, results?.find(({ status }) => status === 'Error')?.migrationName)
  return (results ?? []).map(({ migrationName, direction }) => ({
    name: migrationName,
    direction: direction === 'Up' ? 'up' : 'down',
  }))
}

/** @param failed the migration that did; undefined: none was begun */
function explain(error: unknown, failed: string | undefined): unknown {
  const message = error instanceof Error ? error.message : String(error)
  if (failed !== undefined) return new MigrationError(`migration ${failed} failed: ${message}`, error)
  const unknown = OF_ANOTHER_RELEASE.exec(message)?.[1]
  if (unknown === undefined) return error
  return new MigrationError(
    `nothing was done: this release is older than the database, which has migration ${unknown}; use the release that ` +
      'brought it, or a later one, or else revert it with that release first (`engine-router migrate down`)',
    error,
  )
}

/** A run that failed; nothing of it was kept. */
export class MigrationError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'MigrationError'
  }
}
