import { deleteRevocation } from '../store/revocations.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { printJson, printLine } from './print.ts'
import { CHOSEN_TOKENS, chosenTokens, describeTokens } from './tokens-chosen.ts'
import { type Verb, VerbError } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  options: { ...CHOSEN_TOKENS, ...DATABASE_OPTIONS },
  examples: [
    'engine-router tokens restore --subject alice',
    'engine-router tokens restore --id 0f9c1e52 --issuer https://issuer.example.com',
  ],
  async run(args, io) {
    const chosen = chosenTokens(args.options)
    const { database } = await loadVerbConfig(args, io)
    const revocation = await withDatabase(database, (db) => deleteRevocation(db, chosen))
    if (revocation === undefined) {
      const issuer = chosen.issuer === null ? ', of any issuer' : ''
      throw new VerbError(`${describeTokens(chosen)}${issuer}: nothing is revoked so; \`tokens list\` shows what is`)
    }
    if (args.options.json === true) printJson(io, revocation)
    else printLine(io, `restored ${describeTokens(revocation)}: routers let in again who shows what has not expired`)
    return 0
  },
}
