import { previewRoutes } from '../store/apply-routes.ts'
import { readRevisionRoutes, rollbackRoutes } from '../store/route-history.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { CHANGE_OPTIONS, changeTable } from './routes-change.ts'
import { UsageError, type Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  usage: 'REVISION',
  options: { ...CHANGE_OPTIONS, ...DATABASE_OPTIONS },
  examples: ['engine-router routes history', 'engine-router routes rollback 41'],
  async run(args, io) {
    const revision = parseRevision(args.positionals)
    const { database } = await loadVerbConfig(args, io)
    return withDatabase(database, (db) =>
      changeTable(
        {
          preview: async () => previewRoutes(db, await readRevisionRoutes(db, revision)),
          apply: (by) => rollbackRoutes(db, revision, by),
        },
        args,
        io,
      ),
    )
  },
}

function parseRevision([text, extra]: readonly string[]): number {
  if (text === undefined)
    throw new UsageError('name the revision to go back to: `engine-router routes history` lists them')
  if (extra !== undefined) throw new UsageError(`unexpected "${extra}": give one revision`)
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`"${text}" is not a revision: expected a number`)
  return Number(text)
}
