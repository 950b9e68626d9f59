import { isWorkspaceId } from '../routing/workspace-directory.ts'
import { deleteWorkspace } from '../store/workspaces.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { printJson, printLine } from './print.ts'
import { UsageError, type Verb, VerbError } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  usage: 'NAME|ID',
  options: DATABASE_OPTIONS,
  examples: ['engine-router workspaces delete acme'],
  async run(args, io) {
    const [text] = args.positionals
    if (args.positionals.length !== 1 || text === undefined) throw new UsageError('expected one NAME or ID')
    const { database } = await loadVerbConfig(args, io)
    const key = isWorkspaceId(text) ? { id: text } : { name: text }
    const workspace = await withDatabase(database, (db) => deleteWorkspace(db, key))
    if (workspace === undefined) throw new VerbError(`there is no workspace ${text}: \`workspaces list\` shows them`)
    if (args.options.json === true) printJson(io, workspace)
    else printLine(io, `deleted ${workspace.name} (${workspace.id}): requests that name it get 404 from now on`)
    return 0
  },
}
