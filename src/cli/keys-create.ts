import { isSubjectId } from '../exchange/identity.ts'
import { parseDurationMs } from '../exchange/units.ts'
import { addApiKey } from '../store/api-keys.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { printJson, printLine } from './print.ts'
import { UsageError, type Verb, type VerbArgs } from './verb.ts'
import { withDatabase } from './with-database.ts'

/** ISO 8601: a date, in UTC, or a date and a time with its zone. */
const ISO_DATE =
  /^(\d{4}-\d{2}-\d{2})(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,3})?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))?$/

export const verb: Verb = {
  usage: 'SUBJECT',
  options: {
    name: { type: 'string', value: 'NAME', description: 'What it is for, to people (the subject)' },
    scope: { type: 'string', multiple: true, value: 'SCOPE', description: 'What it may do; again for more' },
    expires: {
      type: 'string',
      value: 'WHEN',
      description: 'Time from now (90d), or a date (2027-01-31, in UTC) with or without a time (never)',
    },
    ...DATABASE_OPTIONS,
  },
  examples: [
    'engine-router keys create billing',
    'engine-router keys create billing --name "billing, staging" --scope orders:read --expires 90d',
  ],
  async run(args, io) {
    const { options, positionals } = args
    const [subjectId] = positionals
    if (positionals.length !== 1 || subjectId === undefined) {
      throw new UsageError('expected one SUBJECT: who the key stands for, such as billing')
    }
    if (!isSubjectId(subjectId)) throw new UsageError('a subject has 1 to 256 visible ASCII characters')
    const scopes = Array.isArray(options.scope) ? [...new Set(options.scope as readonly string[])] : []
    const wanted = {
      name: typeof options.name === 'string' ? options.name : subjectId,
      subjectId,
      scopes,
      expiresAt: parseExpiry(options.expires),
    }
    const { database } = await loadVerbConfig(args, io)
    const { id, key } = await withDatabase(database, (db) => addApiKey(db, wanted))
    if (options.json === true) printJson(io, { id, key, ...wanted, expiresAt: wanted.expiresAt ?? null })
    else {
      printLine(io, key)
      io.stderr.write(`This is key ${id} of ${subjectId}. It is shown this once: keep it where secrets are kept.\n`)
    }
    return 0
  },
}

function parseExpiry(option: VerbArgs['options'][string]): Date | undefined {
  if (typeof option !== 'string') return undefined
  const durationMs = parseDurationMs(option)
  const time = durationMs === undefined ? parseDate(option) : new Date(Date.now() + durationMs)
  // Of a duration that ends beyond all dates it is invalid as well.
  if (time === undefined || Number.isNaN(time.getTime())) {
    const fault = /^\d+(?:\.\d+)?$/.test(option) ? 'a unit is missing: ' : ''
    throw new UsageError(
      `--expires ${option}: ${fault}expected a duration such as 90d, or a date such as 2027-01-31 or 2027-01-31T00:00:00Z`,
    )
  }
  if (time.getTime() <= Date.now()) throw new UsageError(`--expires ${option}: that is over already`)
  return time
}

/** Not by `Date` alone, which makes a date of nearly anything, and the 3rd of March of the 31st of February. */
function parseDate(text: string): Date | undefined {
  const day = ISO_DATE.exec(text)?.[1]
  if (day === undefined) return undefined
  const midnight = new Date(day)
  const exists = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day)
  return exists ? new Date(text) : undefined
}
