import { migrateUp } from '../store/migrations.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { MIGRATION_TIMEOUT_MS, printSteps } from './migrate-steps.ts'
import type { Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  options: DATABASE_OPTIONS,
  async run(args, io) {
    const { database } = await loadVerbConfig(args, io)
    const steps = await withDatabase(database, migrateUp, { statementTimeoutMs: MIGRATION_TIMEOUT_MS })
    printSteps(io, steps, args.options.json === true)
    return 0
  },
}
