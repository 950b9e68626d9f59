import { ADMIN_OPTIONS, createAdminClient } from './admin-client.ts'
import {
  CONNECTION_COLUMNS,
  type Connections,
  type ConnectionsPage,
  collectConnections,
  connectionCells,
  parseConnectionsPage,
} from './connections.ts'
import { printJson, printLine, printTable } from './print.ts'
import { FLEET_OPTIONS, noRouterError, openFleet, type RouterFleet } from './router-fleet.ts'
import { type Io, UsageError, type Verb, type VerbArgs, VerbError } from './verb.ts'

const MAX_LIMIT = 1_000_000

export const verb: Verb = {
  options: {
    json: { type: 'boolean', description: 'Print one JSON document' },
    limit: { type: 'string', short: 'n', value: 'N', description: 'At most so many of each router (100)' },
    ...FLEET_OPTIONS,
    ...ADMIN_OPTIONS,
  },
  examples: [
    'engine-router conns ls',
    'engine-router conns ls --all --limit 100000 --json',
    'engine-router conns ls --url http://127.0.0.1:9090',
  ],
  async run(args, io) {
    const limit = parseLimit(args.options.limit)
    return args.options.all === true ? listAll(args, io, limit) : listOne(args, io, limit)
  },
}

function parseLimit(text: VerbArgs['options'][string] = '100'): number {
  const limit = /^\d{1,7}$/.test(String(text)) ? Number(text) : 0
  if (limit >= 1 && limit <= MAX_LIMIT) return limit
  throw new UsageError(`--limit takes a number from 1 to ${MAX_LIMIT}`)
}

async function listOne(args: VerbArgs, io: Io, limit: number): Promise<number> {
  const admin = await createAdminClient(args, io)
  const { total, connections } = await collectConnections(limit, async ({ limit, after }) => {
    const cursor = after === undefined ? '' : `&after=${encodeURIComponent(after)}`
    return (await admin.ask('GET', `/api/connections?limit=${limit}${cursor}`)) as ConnectionsPage
  })
  if (args.options.json === true) {
    printJson(io, { total, connections })
    return 0
  }
  printTable(io, CONNECTION_COLUMNS, connections.map(connectionCells))
  printLine(io, `\n${connections.length} of ${total} WebSocket and TCP connections`)
  return 0
}

async function listAll(args: VerbArgs, io: Io, limit: number): Promise<number> {
  const fleet = await openFleet(args, io)
  try {
    const routers = await fleet.find()
    if (routers.length === 0) throw noRouterError()
    const answers = await Promise.all(routers.map((router) => listRouter(fleet, router, limit)))
    const listed = answers.flatMap((answer) => ('problem' in answer ? [] : [answer]))
    const silent = answers.flatMap((answer) => ('problem' in answer ? [answer] : []))
    const connections = listed.flatMap(({ router, connections }) => connections.map((each) => ({ router, ...each })))
    const total = listed.reduce((sum, answer) => sum + answer.total, 0)
    if (args.options.json === true) {
      printJson(io, { total, routers: listed.map(({ router, total }) => ({ router, total })), silent, connections })
    } else {
      const rows = connections.map(({ router, ...connection }) => [router, ...connectionCells(connection)])
      printTable(io, ['ROUTER', ...CONNECTION_COLUMNS], rows)
      const where = `of ${listed.length} ${listed.length === 1 ? 'router' : 'routers'}`
      printLine(io, `\n${connections.length} of ${total} WebSocket and TCP connections ${where}`)
    }
    for (const { router, problem } of silent) io.stderr.write(`router ${router}: ${problem}\n`)
    return silent.length === 0 ? 0 : 1
  } finally {
    await fleet.close()
  }
}

type RouterAnswer = ({ readonly router: string } & Connections) | { readonly router: string; readonly problem: string }

async function listRouter(fleet: RouterFleet, router: string, limit: number): Promise<RouterAnswer> {
  try {
    const connections = await collectConnections(limit, async (question) => {
      const answer = await fleet.ask(router, 'connections', question)
      if ('problem' in answer) throw new VerbError(answer.problem)
      const page = parseConnectionsPage(answer.data)
      if (page === undefined) throw new VerbError('its answer cannot be read: is it of another release?')
      return page
    })
    return { router, ...connections }
  } catch (error) {
    if (error instanceof VerbError) return { router, problem: error.message }
    throw error
  }
}
