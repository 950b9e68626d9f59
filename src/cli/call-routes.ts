import type { RouterConfig } from '../config/router-config.ts'
import { parseRoute, type RouteSpec } from '../routing/spec.ts'
import { readRoutes } from '../store/routes-table.ts'
import { readRoutesFrom } from './routes-source.ts'
import { type Io, UsageError, type VerbArgs, VerbError } from './verb.ts'
import { withDatabase } from './with-database.ts'

/** The routes that a call goes by: one for `--subject`, those of a file for `--routes`, else those of the database. */
export async function readCallRoutes(
  { subject, routes }: VerbArgs['options'],
  config: RouterConfig,
  io: Io,
): Promise<readonly RouteSpec[]> {
  if (typeof subject === 'string') return [createCatchAllRoute(subject)]
  if (typeof routes === 'string') return (await readRoutesFrom(routes, config, io)).specs
  try {
    return (await withDatabase(config.database, (db) => readRoutes(db, config.nats.inboxPrefix))).specs
  } catch (error) {
    if (!(error instanceof VerbError)) throw error
    throw new VerbError(`${error.message}; or name a file with --routes`, { cause: error })
  }
}

/** Takes every request to one subject. */
function createCatchAllRoute(subject: string): RouteSpec {
  const parsed = parseRoute({ name: 'call', match: { path: '/{rest...}' }, subject })
  if (parsed.ok) return parsed.spec
  throw new UsageError(`--subject ${subject}: ${parsed.issues.map(({ message }) => message).join('; ')}`)
}
