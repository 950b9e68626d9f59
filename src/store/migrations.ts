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
  const failed = results?.find(({ status }) => status === 'Error')
  if (error !== undefined && failed === undefined) throw error
  if (error !== undefined) throw new MigrationError(failed?.migrationName ?? '', error)
  return (results ?? []).map(({ migrationName, direction }) => ({
    name: migrationName,
    direction: direction === 'Up' ? 'up' : 'down',
  }))
}

/** A migration that failed; nothing of the run was kept. */
export class MigrationError extends Error {
  constructor(name: string, cause: unknown) {
    super(`migration ${name} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.name = 'MigrationError'
  }
}
