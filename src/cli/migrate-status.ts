import { migrationStates } from '../store/migrations.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { printJson, printTable } from './print.ts'
import type { Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  options: DATABASE_OPTIONS,
  async run(args, io) {
    const { database } = await loadVerbConfig(args, io)
    const states = await withDatabase(database, migrationStates)
    if (args.options.json === true) {
      const migrations = states.map(({ name, appliedAt }) => ({ name, appliedAt: appliedAt?.toISOString() ?? null }))
      printJson(io, { migrations, pending: migrations.filter(({ appliedAt }) => appliedAt === null).length })
    } else {
      printTable(
        io,
        ['MIGRATION', 'APPLIED'],
        states.map(({ name, appliedAt }) => [name, appliedAt?.toISOString() ?? 'no']),
      )
    }
    return 0
  },
}
