import { Socket } from 'node:net'
import { Kysely, PostgresDialect } from 'kysely'
import { Client } from 'pg'
import { type ConnectionOptions, connectionSettings } from './database.ts'
import type { Schema } from './schema.ts'

export interface WatchConnectionEvents {
  /** Something was said on a channel. */
  onNotified(channel: string): void
  /** Once, when the connection is lost; not after `close`. */
  onLost(error: Error): void
}

/** One connection that both listens and reads, so that the queries also prove that notifications can arrive. */
export interface WatchConnection {
  readonly db: Kysely<Schema>
  /** At once, whatever is under way: the other end may no longer be there to say goodbye to. */
  close(): void
}

/** Connects and listens. The signal closes it, also while it connects. */
export async function openWatchConnection(
  url: string,
  channels: readonly string[],
  options: ConnectionOptions,
  events: WatchConnectionEvents,
  signal: AbortSignal,
): Promise<WatchConnection> {
  // A socket of ours, as the driver's own `end` waits for a server that may have vanished.
  const socket = new Socket()
  const client = new Client({ ...connectionSettings(url, options), stream: () => socket })
  let open = true
  const close = () => {
    open = false
    signal.removeEventListener('abort', close)
    socket.destroy()
  }
  const lost = (error: Error) => {
    if (!open) return
    close()
    events.onLost(error)
  }
  signal.addEventListener('abort', close)
  client.on('error', lost)
  client.on('end', () => lost(new Error('the database closed the connection')))
  client.on('notification', ({ channel }) => {
    if (open) events.onNotified(channel)
  })
  try {
    await client.connect()
    for (const channel of channels) await client.query(`listen ${client.escapeIdentifier(channel)}`)
  } catch (error) {
    close()
    throw error
  }
  return { db: new Kysely<Schema>({ dialect: new PostgresDialect({ pool: poolOfOne(client) }) }), close }
}

/** The query builder asks for a pool. There is one query at a time here, and who closes the connection is said above. */
function poolOfOne(client: Client) {
  const lent = Object.assign(client, { release() {} })
  return { connect: async () => lent, end: async () => {}, options: {} }
}
