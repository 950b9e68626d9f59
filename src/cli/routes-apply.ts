import { applyRoutes, previewRoutes } from '../store/apply-routes.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { CHANGE_NOTES, CHANGE_OPTIONS, changeTable } from './routes-change.ts'
import { readGivenRoutes } from './routes-source.ts'
import type { Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  usage: '[FILE|-]',
  options: {
    ...CHANGE_OPTIONS,
    'no-prune': { type: 'boolean', description: 'Keep the routes that the file does not name' },
    ...DATABASE_OPTIONS,
  },
  notes: CHANGE_NOTES,
  examples: [
    "engine-router routes apply config/routes.yaml --comment 'raise the timeout of orders'",
    'engine-router routes apply --dry-run',
  ],
  async run(args, io) {
    const config = await loadVerbConfig(args, io)
    const { documents } = await readGivenRoutes(args, config, io)
    const prune = args.options['no-prune'] !== true
    return withDatabase(config.database, (db) =>
      changeTable(
        {
          preview: () => previewRoutes(db, documents, prune),
          apply: (by) => applyRoutes(db, documents, { ...by, prune }),
        },
        args,
        io,
      ),
    )
  },
}
