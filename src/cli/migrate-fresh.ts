import { hidePassword } from '../config/router-config.ts'
import { migrateFresh } from '../store/migrations.ts'
import { loadVerbConfig } from './config-options.ts'
import { confirmDeletion } from './confirm-deletion.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { MIGRATION_TIMEOUT_MS, printSteps } from './migrate-steps.ts'
import type { Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

const ALL =
  'all routes with their history, API keys, workspaces and the revocations of all tokens (which then count again)'

export const verb: Verb = {
  options: {
    ...DATABASE_OPTIONS,
    yes: { type: 'boolean', short: 'y', description: `Do not ask: delete ${ALL}` },
  },
  examples: ['engine-router migrate fresh --yes && engine-router routes apply config/routes.yaml'],
  async run(args, io) {
    const { database } = await loadVerbConfig(args, io)
    if (args.options.yes !== true) await confirmDeletion(io, ALL, hidePassword(database.url))
    const steps = await withDatabase(database, migrateFresh, { statementTimeoutMs: MIGRATION_TIMEOUT_MS })
    printSteps(io, steps, args.options.json === true)
    return 0
  },
}
