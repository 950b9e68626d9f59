import { revokeApiKey } from '../store/api-keys.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { printJson, printLine } from './print.ts'
import { UsageError, type Verb, VerbError } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  usage: 'ID...',
  options: DATABASE_OPTIONS,
  examples: ['engine-router keys revoke Zk3xJ0Qd1m2Vb7Rt'],
  async run(args, io) {
    const ids = [...new Set(args.positionals)]
    if (ids.length === 0) throw new UsageError('the id of a key is needed, as `keys list` shows it')
    const { database } = await loadVerbConfig(args, io)
    const { revoked, alreadyRevoked, unknown } = await withDatabase(database, async (db) => {
      const outcomes = new Map<string, Awaited<ReturnType<typeof revokeApiKey>>>()
      for (const id of ids) outcomes.set(id, await revokeApiKey(db, id))
      return {
        revoked: ids.filter((id) => outcomes.get(id) === 'revoked'),
        alreadyRevoked: ids.filter((id) => outcomes.get(id) === 'already revoked'),
        unknown: ids.filter((id) => outcomes.get(id) === 'unknown'),
      }
    })
    if (args.options.json === true) printJson(io, { revoked, alreadyRevoked })
    else {
      for (const id of revoked) printLine(io, `revoked ${id}: routers let nobody in with it any more`)
      for (const id of alreadyRevoked) printLine(io, `already revoked: ${id}`)
    }
    if (unknown.length > 0) throw new VerbError(`no such key: ${unknown.join(', ')}; \`keys list\` shows them`)
    return 0
  },
}
