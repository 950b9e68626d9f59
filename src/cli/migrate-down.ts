import { hidePassword } from '../config/router-config.ts'
import { migrateDown } from '../store/migrations.ts'
import { loadVerbConfig } from './config-options.ts'
import { confirmDeletion } from './confirm-deletion.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { MIGRATION_TIMEOUT_MS, printSteps } from './migrate-steps.ts'
import type { Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  options: {
    ...DATABASE_OPTIONS,
    yes: { type: 'boolean', short: 'y', description: 'Do not ask: delete what the migration made, routes and all' },
  },
  async run(args, io) {
    const { database } = await loadVerbConfig(args, io)
    if (args.options.yes !== true) await confirmDeletion(io, hidePassword(database.url))
    const steps = await withDatabase(database, migrateDown, { statementTimeoutMs: MIGRATION_TIMEOUT_MS })
    printSteps(io, steps, args.options.json === true)
    return 0
  },
}
