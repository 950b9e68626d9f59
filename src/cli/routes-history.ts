import { readHistory } from '../store/route-history.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { printJson, printLine, printTable } from './print.ts'
import { UsageError, type Verb, type VerbArgs } from './verb.ts'
import { withDatabase } from './with-database.ts'

const DEFAULT_LIMIT = 20

export const verb: Verb = {
  options: {
    limit: { type: 'string', short: 'n', value: 'N', description: `How many, from the newest (${DEFAULT_LIMIT})` },
    ...DATABASE_OPTIONS,
  },
  async run(args, io) {
    const limit = parseLimit(args.options.limit)
    const { database } = await loadVerbConfig(args, io)
    const revisions = await withDatabase(database, (db) => readHistory(db, limit))
    if (args.options.json === true) {
      printJson(io, { revisions: revisions.map((entry) => ({ ...entry, comment: entry.comment ?? null })) })
    } else if (revisions.length === 0) {
      printLine(io, 'nothing was applied yet')
    } else {
      printTable(
        io,
        ['REVISION', 'TIME', 'ACTION', 'ROUTES', 'AUTHOR', 'COMMENT'],
        revisions.map(({ revision, createdAt, action, routeCount, author, comment = '' }) =>
          [String(revision), createdAt.toISOString(), action, String(routeCount), author, comment].map(oneLine),
        ),
      )
    }
    return 0
  },
}

function parseLimit(option: VerbArgs['options'][string]): number {
  if (typeof option !== 'string') return DEFAULT_LIMIT
  if (!/^[1-9]\d{0,5}$/.test(option)) throw new UsageError(`--limit ${option}: expected a number from 1`)
  return Number(option)
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}
