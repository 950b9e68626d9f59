import { formatBytes } from '../exchange/units.ts'
import { ADMIN_OPTIONS, createAdminClient } from './admin-client.ts'
import { printJson, printLine, printTable } from './print.ts'
import { UsageError, type Verb } from './verb.ts'

/** What the admin API answers. */
interface Connections {
  readonly total: number
  readonly connections: readonly {
    readonly id: string
    readonly kind: string
    readonly protocol: string
    readonly remote: string
    readonly since: string
    readonly exchanges: number
    readonly bytesIn: number
    readonly bytesOut: number
  }[]
}

export const verb: Verb = {
  options: {
    json: { type: 'boolean', description: 'Print one JSON document' },
    limit: { type: 'string', short: 'n', value: 'N', description: 'At most so many, up to 1000 (100)' },
    ...ADMIN_OPTIONS,
  },
  examples: ['engine-router conns ls', 'engine-router conns ls --url http://127.0.0.1:9090 --limit 1000 --json'],
  async run(args, io) {
    const limit = args.options.limit ?? '100'
    if (!/^[1-9]\d{0,2}$|^1000$/.test(String(limit))) throw new UsageError('--limit takes a number from 1 to 1000')
    const admin = await createAdminClient(args, io)
    const answer = (await admin.ask('GET', `/api/connections?limit=${limit}`)) as Connections
    if (args.options.json === true) {
      printJson(io, answer)
      return 0
    }
    printTable(
      io,
      ['ID', 'KIND', 'PROTOCOL', 'REMOTE', 'SINCE', 'EXCHANGES', 'IN', 'OUT'],
      answer.connections.map(({ id, kind, protocol, remote, since, exchanges, bytesIn, bytesOut }) => {
        return [id, kind, protocol, remote, since, String(exchanges), formatBytes(bytesIn), formatBytes(bytesOut)]
      }),
    )
    printLine(io, `\n${answer.connections.length} of ${answer.total} WebSocket and TCP connections`)
    return 0
  },
}
