import { type ApiKeyInfo, listApiKeys } from '../store/api-keys.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { printJson, printLine, printTable } from './print.ts'
import type { Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  options: DATABASE_OPTIONS,
  async run(args, io) {
    const { database } = await loadVerbConfig(args, io)
    const keys = await withDatabase(database, (db) => listApiKeys(db))
    if (args.options.json === true) printJson(io, { keys: keys.map((key) => ({ ...key, state: stateOf(key) })) })
    else if (keys.length === 0) printLine(io, 'there are no keys: make one with `engine-router keys create SUBJECT`')
    else {
      printTable(
        io,
        ['ID', 'STATE', 'SUBJECT ID', 'NAME', 'SCOPES', 'CREATED', 'EXPIRES'],
        keys.map((key) => [
          key.id,
          stateOf(key),
          key.subjectId,
          key.name.replace(/\s+/g, ' '),
          key.scopes.join(','),
          key.createdAt.toISOString(),
          key.expiresAt?.toISOString() ?? 'never',
        ]),
      )
    }
    return 0
  },
}

function stateOf({ revokedAt, expiresAt }: ApiKeyInfo): 'good' | 'revoked' | 'expired' {
  if (revokedAt !== null) return 'revoked'
  return expiresAt !== null && expiresAt.getTime() <= Date.now() ? 'expired' : 'good'
}
