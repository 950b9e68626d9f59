import type { RouterConfig } from '../config/router-config.ts'
import { hidePassword } from '../config/router-config.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { explainDatabaseError } from '../store/database-error.ts'
import { migrationStates } from '../store/migrations.ts'
import { readRoutes } from '../store/routes-table.ts'
import { type Finding, fail, ok, warn } from './doctor-finding.ts'
import { PROGRAM } from './help.ts'
import { SILENT } from './silent-logger.ts'

/** Whether Postgres is there, has our tables, and holds routes that can be served. */
export async function checkDatabase({ url }: RouterConfig['database'], timeoutMs: number): Promise<Finding[]> {
  const database = openDatabase(url, {
    logger: SILENT,
    connectTimeoutMs: timeoutMs,
    statementTimeoutMs: timeoutMs,
    maxConnections: 1,
  })
  try {
    const migrations = await checkMigrations(database)
    const reachable = ok('postgres', hidePassword(url))
    return migrations.result === 'fail' ? [reachable, migrations] : [reachable, migrations, await checkRoutes(database)]
  } catch (error) {
    return [fail('postgres', hidePassword(url), explainDatabaseError(error, url))]
  } finally {
    await database.close()
  }
}

async function checkMigrations({ db }: Database): Promise<Finding> {
  const states = await migrationStates(db)
  const pending = states.filter(({ appliedAt }) => appliedAt === undefined).map(({ name }) => name)
  if (pending.length === 0) return ok('migrations', `all ${states.length} applied`)
  return fail('migrations', `not applied: ${pending.join(', ')}`, `run '${PROGRAM} migrate up'`)
}

async function checkRoutes({ db }: Database): Promise<Finding> {
  const { specs, quarantined, revision } = await readRoutes(db)
  if (quarantined.length > 0) {
    const names = quarantined.map(({ name }) => name).join(', ')
    return warn('routes', `not served, for what is wrong with them: ${names}`, `'${PROGRAM} routes list' tells what`)
  }
  if (specs.length === 0) return warn('routes', 'there are none', `apply some: '${PROGRAM} routes apply FILE'`)
  return ok('routes', `${specs.length} in revision ${revision}`)
}
