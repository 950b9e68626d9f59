import { isWorkspaceName } from '../routing/workspace-directory.ts'
import { addWorkspace } from '../store/workspaces.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { printJson, printLine } from './print.ts'
import { UsageError, type Verb, VerbError } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  usage: 'NAME',
  options: DATABASE_OPTIONS,
  examples: ['engine-router workspaces create acme'],
  async run(args, io) {
    const [name] = args.positionals
    if (args.positionals.length !== 1 || name === undefined) throw new UsageError('expected one NAME, such as acme')
    if (!isWorkspaceName(name)) {
      throw new UsageError(
        `${name}: a name has 1 to 63 letters, digits, - and _, a letter or digit first, and is no UUID`,
      )
    }
    const { database } = await loadVerbConfig(args, io)
    const workspace = await withDatabase(database, (db) => addWorkspace(db, name))
    if (workspace === undefined)
      throw new VerbError(`there is a workspace ${name} already: \`workspaces list\` shows it`)
    if (args.options.json === true) printJson(io, workspace)
    else printLine(io, workspace.id)
    return 0
  },
}
