import { listRevocations } from '../store/revocations.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { printJson, printLine, printTable } from './print.ts'
import type { Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  options: DATABASE_OPTIONS,
  async run(args, io) {
    const { database } = await loadVerbConfig(args, io)
    const revocations = await withDatabase(database, (db) => listRevocations(db))
    if (args.options.json === true) printJson(io, { revocations })
    else if (revocations.length === 0) printLine(io, 'no token is revoked')
    else {
      printTable(
        io,
        ['KIND', 'VALUE', 'ISSUER', 'REVOKED', 'EXPIRES', 'REASON'],
        revocations.map(({ kind, value, issuer, revokedAt, expiresAt, reason }) => [
          kind,
          value,
          issuer ?? 'any',
          revokedAt.toISOString(),
          expiresAt.toISOString(),
          (reason ?? '').replace(/\s+/g, ' '),
        ]),
      )
    }
    return 0
  },
}
