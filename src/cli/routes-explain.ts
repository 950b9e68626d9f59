import type { RouterConfig } from '../config/router-config.ts'
import { findInterest } from '../nats/interest.ts'
import { type RoutesSnapshot, readRoutes, snapshotOf } from '../store/routes-table.ts'
import { CONFIG_OPTIONS, loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { type Explained, explain } from './explained-request.ts'
import { createNatsAttempt } from './nats-attempt.ts'
import { printJson } from './print.ts'
import { type AskedInterest, printExplanation } from './routes-explain-print.ts'
import { readExplainedRequest } from './routes-explain-request.ts'
import { readRoutesFrom } from './routes-source.ts'
import { type Io, type Verb, type VerbArgs, VerbError } from './verb.ts'
import { withDatabase } from './with-database.ts'

const CONNECT_TIMEOUT_MS = 2000
/** These ask for something and change nothing (RFC 9110, 9.2.1), so a backend is ready to get one uncalled for. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

export const verb: Verb = {
  usage: 'METHOD URL|PATH',
  options: {
    header: { type: 'string', short: 'H', multiple: true, value: "'NAME: VALUE'", description: 'A header' },
    file: { type: 'string', short: 'f', value: 'FILE', description: 'Routes of a file, not of the database' },
    probe: { type: 'boolean', description: 'Send an empty request to find out who listens, also for unsafe methods' },
    ...DATABASE_OPTIONS,
    'nats-url': CONFIG_OPTIONS['nats-url'],
    'nats-creds': CONFIG_OPTIONS['nats-creds'],
  },
  examples: [
    'engine-router routes explain GET http://api.example.com/orders/eu',
    "engine-router routes explain POST /orders/eu -H 'host: api.example.com' -H 'x-tier: gold' --probe",
    'engine-router routes explain GET ws://localhost/term/1 --file config/routes.yaml',
  ],
  async run(args, io) {
    const request = readExplainedRequest(args)
    const config = await loadVerbConfig(args, io)
    const { specs, quarantined } = await readTable(args, config, io)
    const explained = explain(specs, config.policies, request)
    const interest = await interestIn(explained, explained.preflightFor ?? request.method, args, config, io)
    if (args.options.json === true) printJson(io, toJson(explained, interest, quarantined))
    else printExplanation(io, explained, interest, quarantined)
    return 0
  },
}

async function readTable({ options }: VerbArgs, config: RouterConfig, io: Io): Promise<RoutesSnapshot> {
  const { inboxPrefix } = config.nats
  if (typeof options.file !== 'string') return withDatabase(config.database, (db) => readRoutes(db, inboxPrefix))
  return snapshotOf(0, (await readRoutesFrom(options.file, config, io)).documents, inboxPrefix)
}

/** Undefined when there is no subject to ask about. */
async function interestIn(
  { subject, late }: Explained,
  method: string,
  { options }: VerbArgs,
  config: RouterConfig,
  io: Io,
): Promise<AskedInterest | undefined> {
  if (subject === '') return undefined
  if (late.length > 0) return { listening: 'unknown', reason: 'not known before the subject is filled in' }
  const { link, connect } = createNatsAttempt(config.nats, 'engine-router explain')
  try {
    const client = await connect(CONNECT_TIMEOUT_MS, io.signal)
    const probe = options.probe === true || SAFE_METHODS.has(method)
    const interest = await findInterest(client, subject, { probe, inboxPrefix: config.nats.inboxPrefix })
    return { ...interest, server: client.getServer() }
  } catch (error) {
    // The routing is explained all the same.
    if (error instanceof VerbError) return { listening: 'unknown', reason: error.message }
    throw error
  } finally {
    await link.close()
  }
}

function toJson(explained: Explained, interest: AskedInterest | undefined, quarantined: RoutesSnapshot['quarantined']) {
  const { winner, subject, late, params, error, detail, allow, policies, preflightFor, verdicts } = explained
  return {
    route: winner?.name ?? null,
    subject: subject === '' ? null : subject,
    late: late.map(({ name, source, key }) => ({ name, source, key: key === '' ? null : key })),
    params: Object.fromEntries(params),
    error: error ?? null,
    detail,
    allow,
    preflightFor: preflightFor ?? null,
    policies,
    listening: interest ?? null,
    routes: verdicts.map(({ name, mismatch }) => ({
      name,
      matches: mismatch === undefined,
      mismatch: mismatch ?? null,
    })),
    quarantined: quarantined.map(({ name }) => name),
  }
}
