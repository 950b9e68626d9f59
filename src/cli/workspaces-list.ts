import { listWorkspaces } from '../store/workspaces.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { printJson, printLine, printTable } from './print.ts'
import type { Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  options: DATABASE_OPTIONS,
  async run(args, io) {
    const { database } = await loadVerbConfig(args, io)
    const workspaces = await withDatabase(database, (db) => listWorkspaces(db))
    if (args.options.json === true) printJson(io, { workspaces })
    else if (workspaces.length === 0)
      printLine(io, 'there are none: make one with `engine-router workspaces create NAME`')
    else {
      printTable(
        io,
        ['ID', 'NAME', 'CREATED', 'UPDATED'],
        workspaces.map(({ id, name, createdAt, updatedAt }) => [
          id,
          name,
          createdAt.toISOString(),
          updatedAt.toISOString(),
        ]),
      )
    }
    return 0
  },
}
