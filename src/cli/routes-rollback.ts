import { previewRoutes } from '../store/apply-routes.ts'
import { readRevisionRoutes, rollbackRoutes } from '../store/route-history.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { PROGRAM } from './help.ts'
import { createPaint } from './print.ts'
import { CHANGE_NOTES, CHANGE_OPTIONS, changeTable } from './routes-change.ts'
import { type Io, UsageError, type Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  usage: 'REVISION',
  options: { ...CHANGE_OPTIONS, ...DATABASE_OPTIONS },
  notes: CHANGE_NOTES,
  examples: ['engine-router routes history', 'engine-router routes rollback 41'],
  async run(args, io) {
    const revision = parseRevision(args.positionals)
    const { database, routes } = await loadVerbConfig(args, io)
    const code = await withDatabase(database, (db) =>
      changeTable(
        {
          preview: async () => previewRoutes(db, await readRevisionRoutes(db, revision)),
          apply: (by) => rollbackRoutes(db, revision, by),
        },
        args,
        io,
      ),
    )
    if (code === 0 && args.options['dry-run'] !== true && routes.file !== undefined) warnOfFile(routes.file, io)
    return code
  },
}

/** A router that has the same settings would undo the rollback when it sees the file change. */
function warnOfFile(file: string, io: Io): void {
  const how = `take the change back there too, or overwrite it: ${PROGRAM} routes export --output ${file}`
  io.stderr.write(
    `${createPaint(io.stderr, io.env)('yellow', 'warning:')} routes.file of the settings is ${file}, and routers apply ` +
      `its next change over this rollback: ${how}\n`,
  )
}

function parseRevision([text, extra]: readonly string[]): number {
  if (text === undefined)
    throw new UsageError('name the revision to go back to: `engine-router routes history` lists them')
  if (extra !== undefined) throw new UsageError(`unexpected "${extra}": give one revision`)
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`"${text}" is not a revision: expected a number`)
  return Number(text)
}
