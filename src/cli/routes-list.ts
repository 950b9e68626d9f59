import type { RouteSpec } from '../routing/spec.ts'
import { type QuarantinedRoute, quarantineReason, readRoutes } from '../store/routes-table.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { createPaint, printJson, printLine, printTable } from './print.ts'
import type { Io, Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  options: DATABASE_OPTIONS,
  async run(args, io) {
    const { database, nats } = await loadVerbConfig(args, io)
    const { revision, specs, documents, quarantined } = await withDatabase(database, (db) =>
      readRoutes(db, nats.inboxPrefix),
    )
    if (args.options.json === true) {
      printJson(io, { revision, routes: documents, quarantined })
      return 0
    }
    printRoutes(io, specs)
    printLine(io, `\nrevision ${revision}, ${specs.length} routes, ${quarantined.length} quarantined`)
    printQuarantined(io, quarantined)
    return 0
  },
}

function printRoutes(io: Io, specs: readonly RouteSpec[]): void {
  printTable(
    io,
    ['NAME', 'KIND', 'METHODS', 'HOST', 'PATH', 'SUBJECT', 'REPLY'],
    specs.map(({ name, match, subject, reply }) => [
      name,
      match.kind,
      match.methods?.join(',') ?? 'any',
      match.host ?? 'any',
      match.path ?? '-',
      subject,
      reply,
    ]),
  )
}

function printQuarantined(io: Io, quarantined: readonly QuarantinedRoute[]): void {
  const paint = createPaint(io.stdout, io.env)
  for (const route of quarantined) printLine(io, paint('red', `quarantined: ${quarantineReason(route)}`))
  if (quarantined.length > 0) {
    printLine(io, 'Quarantined routes are not served. Mend their rows, or apply a file that has them right.')
  }
}
