import { parseDurationMs } from '../exchange/units.ts'
import { addRevocation } from '../store/revocations.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { printJson, printLine } from './print.ts'
import { CHOSEN_TOKENS, chosenTokens, describeTokens } from './tokens-chosen.ts'
import { UsageError, type Verb, type VerbArgs } from './verb.ts'
import { withDatabase } from './with-database.ts'

const DAY_MS = 86_400_000
const DEFAULT_EXPIRES_IN_MS = 30 * DAY_MS
const MIN_EXPIRES_IN_MS = 1000
const MAX_EXPIRES_IN_MS = 3650 * DAY_MS
const MAX_REASON_LENGTH = 1000

export const verb: Verb = {
  options: {
    ...CHOSEN_TOKENS,
    'expires-in': {
      type: 'string',
      value: 'DURATION',
      description: 'By when all these tokens have expired by themselves (30d)',
    },
    reason: { type: 'string', value: 'TEXT', description: 'Why, to people' },
    ...DATABASE_OPTIONS,
  },
  examples: [
    'engine-router tokens revoke --subject alice --reason "left the company"',
    'engine-router tokens revoke --id 0f9c1e52 --issuer https://issuer.example.com --expires-in 1h',
  ],
  async run(args, io) {
    const { options } = args
    const wanted = {
      ...chosenTokens(options),
      expiresInMs: parseExpiresIn(options['expires-in']),
      reason: parseReason(options.reason),
    }
    const { database } = await loadVerbConfig(args, io)
    const revocation = await withDatabase(database, (db) => addRevocation(db, wanted))
    const { kind, revokedAt, expiresAt } = revocation
    const issued = kind === 'jti' ? '' : ` issued until ${revokedAt.toISOString()}`
    const until = `routers let nobody in with ${kind === 'jti' ? 'it' : 'them'} until ${expiresAt.toISOString()}`
    if (options.json === true) printJson(io, revocation)
    else printLine(io, `revoked ${describeTokens(revocation)}${issued}: ${until}`)
    return 0
  },
}

function parseExpiresIn(option: VerbArgs['options'][string]): number {
  if (typeof option !== 'string') return DEFAULT_EXPIRES_IN_MS
  const ms = parseDurationMs(option)
  if (ms !== undefined && ms >= MIN_EXPIRES_IN_MS && ms <= MAX_EXPIRES_IN_MS) return ms
  throw new UsageError(`--expires-in ${option}: expected a duration of 1s to 3650d, such as 30d`)
}

function parseReason(option: VerbArgs['options'][string]): string | null {
  if (typeof option !== 'string') return null
  if (/^\P{Cc}*$/u.test(option) && option.length <= MAX_REASON_LENGTH) return option
  throw new UsageError(`--reason is one line of at most ${MAX_REASON_LENGTH} characters`)
}
