import { previewRoutes } from '../store/apply-routes.ts'
import { isEmptyPlan } from '../store/route-plan.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { printJson } from './print.ts'
import { planToJson, printPlan } from './routes-plan.ts'
import { readGivenRoutes } from './routes-source.ts'
import type { Verb } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  usage: '[FILE|-]',
  options: {
    'exit-code': { type: 'boolean', description: 'Exit with 1 when there are differences' },
    ...DATABASE_OPTIONS,
  },
  examples: ['engine-router routes diff config/routes.yaml --exit-code'],
  async run(args, io) {
    const config = await loadVerbConfig(args, io)
    const { documents } = await readGivenRoutes(args, config, io)
    const plan = await withDatabase(config.database, (db) => previewRoutes(db, documents))
    const different = !isEmptyPlan(plan)
    if (args.options.json === true) printJson(io, { different, ...planToJson(plan) })
    else printPlan(io, plan)
    return different && args.options['exit-code'] === true ? 1 : 0
  },
}
