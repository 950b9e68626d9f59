import { hidePassword } from '../config/router-config.ts'
import { migrateDown, migrationStates } from '../store/migrations.ts'
import { loadVerbConfig } from './config-options.ts'
import { confirmDeletion } from './confirm-deletion.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { MIGRATION_TIMEOUT_MS, printSteps } from './migrate-steps.ts'
import type { Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

/** What goes when a migration is reverted. */
const LOSSES: Readonly<Record<string, string>> = {
  '0001_routes': 'all routes and their history',
  '0002_policies': 'the policies of all routes, which are then served without them',
  '0003_api_keys': 'all API keys',
  '0004_workspaces': 'all workspaces and the params of all routes',
  '0005_revocations': 'the revocations of all tokens, which then count again',
}

export const verb: Verb = {
  options: {
    ...DATABASE_OPTIONS,
    yes: { type: 'boolean', short: 'y', description: 'Do not ask: delete what the migration made, and its data' },
  },
  async run(args, io) {
    const { database } = await loadVerbConfig(args, io)
    if (args.options.yes !== true) {
      const last = (await withDatabase(database, migrationStates)).findLast(({ appliedAt }) => appliedAt !== undefined)
      if (last !== undefined) await confirmDeletion(io, lossOf(last.name), hidePassword(database.url))
    }
    const steps = await withDatabase(database, migrateDown, { statementTimeoutMs: MIGRATION_TIMEOUT_MS })
    printSteps(io, steps, args.options.json === true)
    return 0
  },
}

function lossOf(migration: string): string {
  return `what migration ${migration} made, ${LOSSES[migration] ?? 'with all its data'},`
}
