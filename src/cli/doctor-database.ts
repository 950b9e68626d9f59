import type { RouterConfig } from '../config/router-config.ts'
import { hidePassword } from '../config/router-config.ts'
import type { RouteSpec } from '../routing/spec.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { readDatabaseClock } from '../store/database-clock.ts'
import { explainDatabaseError } from '../store/database-error.ts'
import { migrationStates } from '../store/migrations.ts'
import { type RoutesSnapshot, readRoutes } from '../store/routes-table.ts'
import { type Finding, fail, ok, warn } from './doctor-finding.ts'
import { PROGRAM } from './help.ts'
import { SILENT } from './silent-logger.ts'

/** Beyond it, the times of logs, traces and revisions do not fit together any more. */
const MAX_SKEW_MS = 2000

/** What was found of Postgres, and there. */
export interface DatabaseReport {
  readonly findings: readonly Finding[]
  /** Those that a router would serve. */
  readonly routes: readonly RouteSpec[]
}

/** Whether Postgres is there, has our tables, and holds routes that can be served. */
export async function checkDatabase(
  { url }: RouterConfig['database'],
  inboxPrefix: string,
  timeoutMs: number,
): Promise<DatabaseReport> {
  const connection = { connectTimeoutMs: timeoutMs, statementTimeoutMs: timeoutMs }
  const database = openDatabase(url, { ...connection, logger: SILENT, maxConnections: 1 })
  try {
    const migrations = await checkMigrations(database)
    const reachable = ok('postgres', hidePassword(url))
    const clock = await checkClock(() => readDatabaseClock(database), Date.now)
    const findings = [reachable, clock, migrations]
    if (migrations.result === 'fail') return { findings, routes: [] }
    const snapshot = await readRoutes(database.db, inboxPrefix)
    return { findings: [...findings, routesFinding(snapshot)], routes: snapshot.specs }
  } catch (error) {
    return { findings: [fail('postgres', hidePassword(url), explainDatabaseError(error, url, connection))], routes: [] }
  } finally {
    await database.close()
  }
}

/** @param now of this machine, in milliseconds since the epoch, as `readClock` is of the other */
export async function checkClock(readClock: () => Promise<number>, now: () => number): Promise<Finding> {
  const sentMs = now()
  const theirsMs = await readClock()
  const receivedMs = now()
  // It was read at some moment in between: what the way takes is nobody's error.
  const skewMs = theirsMs < sentMs ? theirsMs - sentMs : Math.max(0, theirsMs - receivedMs)
  if (Math.abs(skewMs) <= MAX_SKEW_MS) return ok('clock', 'agrees with that of Postgres')
  const seconds = (Math.abs(skewMs) / 1000).toFixed(1)
  return warn(
    'clock',
    `Postgres is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine`,
    'let both follow NTP: the times of logs, traces and revisions do not fit together',
  )
}

async function checkMigrations({ db }: Database): Promise<Finding> {
  const states = await migrationStates(db)
  const pending = states.filter(({ appliedAt }) => appliedAt === undefined).map(({ name }) => name)
  if (pending.length === 0) return ok('migrations', `all ${states.length} applied`)
  return fail('migrations', `not applied: ${pending.join(', ')}`, `run '${PROGRAM} migrate up'`)
}

function routesFinding({ specs, quarantined, revision }: RoutesSnapshot): Finding {
  if (quarantined.length > 0) {
    const names = quarantined.map(({ name }) => name).join(', ')
    return warn('routes', `not served, for what is wrong with them: ${names}`, `'${PROGRAM} routes list' tells what`)
  }
  if (specs.length === 0) return warn('routes', 'there are none', `apply some: '${PROGRAM} routes apply FILE'`)
  return ok('routes', `${specs.length} in revision ${revision}`)
}
