import { formatBytes } from '../exchange/units.ts'

/** A connection as the admin API and the routers over NATS tell of it. */
export interface ListedConnection {
  readonly id: string
  readonly kind: string
  readonly protocol: string
  readonly remote: string
  readonly since: string
  readonly exchanges: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Of one router, as far as was asked for. */
export interface Connections {
  /** How many there are. */
  readonly total: number
  readonly connections: readonly ListedConnection[]
}

/** One page of them; `next` is where the next one begins. */
export interface ConnectionsPage extends Connections {
  readonly next?: string | undefined
}

export interface PageQuestion {
  readonly limit: number
  readonly after?: string
}

export const CONNECTION_COLUMNS = ['ID', 'KIND', 'PROTOCOL', 'REMOTE', 'SINCE', 'EXCHANGES', 'IN', 'OUT']

/** As many as a router gives at a time. */
const MAX_PAGE = 1000

/** Asks for page after page until there are `limit` connections, or no more. */
export async function collectConnections(
  limit: number,
  ask: (question: PageQuestion) => Promise<ConnectionsPage>,
): Promise<Connections> {
  const connections: ListedConnection[] = []
  let after: string | undefined
  for (;;) {
    const pageLimit = Math.min(MAX_PAGE, limit - connections.length)
    const page = await ask(after === undefined ? { limit: pageLimit } : { limit: pageLimit, after })
    connections.push(...page.connections)
    after = page.next
    if (after === undefined || page.connections.length === 0 || connections.length >= limit) {
      return { total: page.total, connections }
    }
  }
}

export function connectionCells(connection: ListedConnection): string[] {
  const { id, kind, protocol, remote, since, exchanges, bytesIn, bytesOut } = connection
  return [id, kind, protocol, remote, since, String(exchanges), formatBytes(bytesIn), formatBytes(bytesOut)]
}

/** What came over NATS, where anyone may answer; undefined if it is no page. */
export function parseConnectionsPage(data: Uint8Array): ConnectionsPage | undefined {
  try {
    const { total, next, connections } = JSON.parse(Buffer.from(data).toString())
    return {
      total: Number(total),
      next: next === undefined ? undefined : printable(next),
      connections: connections.map((each: Readonly<Record<string, unknown>>) => ({
        id: printable(each.id),
        kind: printable(each.kind),
        protocol: printable(each.protocol),
        remote: printable(each.remote),
        since: printable(each.since),
        exchanges: Number(each.exchanges),
        bytesIn: Number(each.bytesIn),
        bytesOut: Number(each.bytesOut),
      })),
    }
  } catch {
    // Whoever wrote it is no router of this release.
    return undefined
  }
}

/** Without what a terminal would heed. */
function printable(value: unknown): string {
  return String(value).replaceAll(/[^\x20-\x7e]/g, '?')
}
