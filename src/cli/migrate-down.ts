import { hidePassword, type RouterConfig } from '../config/router-config.ts'
import { findMigrationGuards } from '../store/migration-guards.ts'
import { migrateDown, migrationStates } from '../store/migrations.ts'
import { loadVerbConfig } from './config-options.ts'
import { confirmDeletion } from './confirm-deletion.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { MIGRATION_TIMEOUT_MS, printSteps } from './migrate-steps.ts'
import { type Verb, VerbError } from './verb.ts'
import { withDatabase } from './with-database.ts'

/** In a message for a person. */
const MAX_NAMED = 5

/** What goes when a migration is reverted. */
const LOSSES: Readonly<Record<string, string>> = {
  '0001_routes': 'all routes and their history',
  '0002_policies': 'the policies of all routes, which are then served without them',
  '0003_api_keys': 'all API keys',
  '0004_workspaces': 'all workspaces and the params of all routes',
  '0005_revocations': 'the revocations of all tokens, which then count again',
  '0006_definer_functions': 'by which nothing is lost',
}

export const verb: Verb = {
  options: {
    ...DATABASE_OPTIONS,
    yes: { type: 'boolean', short: 'y', description: 'Do not ask: delete what the migration made, and its data' },
    force: { type: 'boolean', description: 'Revert it though requests get in that what it made keeps out' },
  },
  async run(args, io) {
    const { database } = await loadVerbConfig(args, io)
    const last = (await withDatabase(database, migrationStates)).findLast(({ appliedAt }) => appliedAt !== undefined)
    if (last !== undefined) {
      if (args.options.force !== true) await assertGuardsNothing(last.name, database)
      if (args.options.yes !== true) await confirmDeletion(io, lossOf(last.name), hidePassword(database.url))
    }
    const steps = await withDatabase(database, migrateDown, { statementTimeoutMs: MIGRATION_TIMEOUT_MS })
    printSteps(io, steps, args.options.json === true)
    return 0
  },
}

function lossOf(migration: string): string {
  return `what migration ${migration} made, ${LOSSES[migration] ?? 'with all its data'},`
}

/** Throws an error that names what the migration guards. */
async function assertGuardsNothing(migration: string, database: RouterConfig['database']): Promise<void> {
  const guards = await withDatabase(database, (db) => findMigrationGuards(db, migration, MAX_NAMED))
  if (guards === undefined) return
  const { count, names, consequence } = guards
  const more = count > names.length ? ` and ${count - names.length} more` : ''
  throw new VerbError(
    `nothing was reverted: without ${migration}, ${consequence} (${names.join(', ')}${more}); delete them first, or say --force`,
  )
}
