import { randomFillSync } from 'node:crypto'
import type { ConnectionOptions, NatsConnection } from 'nats'
import { createIdSource } from '../exchange/id-source.ts'
import { connectNats } from './connect.ts'
import type { ReportError } from './handler.ts'
import { Service } from './service.ts'

export interface ServeOptions {
  /** How to connect, with user info in the URLs or beside them, or an open connection, which stays the caller's to close. */
  readonly nats: ConnectionOptions | NatsConnection
  /** Of the NATS micro service: letters, digits, `-` and `_`. */
  readonly name: string
  /** Semantic version of the micro service. */
  readonly version: string
  readonly description?: string
  /** Queue group: each exchange goes to one member. Default `q`. */
  readonly queue?: string
  /** Exchanges under way at once, at most; the router hears `busy` and tries another member, `onError` hears of it. Default 1000. */
  readonly maxConcurrent?: number
  /** Largest WebSocket message that came in parts. Default 1 MiB. */
  readonly maxMessageBytes?: number
  /** Subject prefix of the inbox, where permissions ask for one. Default `_INBOX`, or that of the connect options. */
  readonly inboxPrefix?: string
  /** Hears what a handler threw, which clients never do, and that exchanges are refused. Default: the console. */
  readonly onError?: ReportError
}

/**
 * Starts a backend: connects, and registers a NATS micro service that waits for its subjects. Rejects with what to do
 * where there is no connection.
 */
export async function serve(options: ServeOptions): Promise<Service> {
  const { name, version, description, queue = 'q', maxConcurrent = 1000, maxMessageBytes = 1024 * 1024 } = options
  const { onError = reportToConsole } = options
  const given = isConnection(options.nats)
  const nats = isConnection(options.nats)
    ? options.nats
    : await connectNats({ name, maxReconnectAttempts: -1, ...options.nats })
  const prefix = isConnection(options.nats) ? undefined : options.nats.inboxPrefix
  try {
    const micro = await nats.services.add({ name, version, queue, ...(description !== undefined && { description }) })
    // The framework stops by itself where a subscription is refused.
    void micro.stopped.then((error) => {
      if (error !== null) onError(error, undefined)
    })
    const service = new Service({
      nats,
      ownsConnection: !given,
      micro,
      inboxPrefix: options.inboxPrefix ?? prefix ?? '_INBOX',
      nextToken: createIdSource(randomFillSync),
      maxConcurrent,
      maxMessageBytes,
      onError,
    })
    await service.flush()
    return service
  } catch (error) {
    if (!given) await nats.close()
    throw error
  }
}

function isConnection(nats: ConnectionOptions | NatsConnection): nats is NatsConnection {
  return 'publish' in nats
}

const reportToConsole: ReportError = (error, request) => {
  console.error(request === undefined ? 'the service failed:' : `${request.method} ${request.path} failed:`, error)
}
