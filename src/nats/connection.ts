import { setTimeout as delay } from 'node:timers/promises'
import { type ConnectionOptions, connect, Events, type NatsConnection, NatsError } from 'nats'
import type { Logger } from '../exchange/logger.ts'
import { explainConnectFailure, NatsConnectFailure } from './connect-failure.ts'
import { credentialsFile } from './credentials-file.ts'
import { clientTlsOf, type NatsTlsFiles } from './tls.ts'
import { userInfoOf, withoutUserInfo } from './user-info.ts'

export interface NatsLinkOptions {
  /** With or without user info. */
  readonly servers: readonly string[]
  /** Path of a credentials file. */
  readonly creds?: string | undefined
  /** Undefined: TLS is the servers' choice, unless one of them has `tls://`. */
  readonly tls?: NatsTlsFiles | undefined
  /** Shows in the server's connection list. */
  readonly name: string
  readonly inboxPrefix?: string
  readonly logger: Logger
}

/** Hears when the link goes up and down, each once. */
export interface NatsLinkListener {
  onConnected(client: NatsConnection): void
  onDisconnected(): void
}

/** Of the client library, which tells nobody what it still has to send; any part of it may be missing in another version. */
interface ClientInternals {
  readonly protocol?: {
    readonly outbound?: { size(): number }
    readonly transport?: { readonly socket?: { readonly writableLength?: number } }
  }
}

const CONNECT_TIMEOUT_MS = 5000
/** When it closes, for a server that may not answer. */
const LAST_WAIT_MS = 1000
const MAX_BACKOFF_MS = 2000
const PING_INTERVAL_MS = 5000

/**
 * One NATS connection for the life of the process. States: connecting -> connected <-> disconnected, and from anywhere
 * -> closed. It never gives up: an unreachable server is logged once and tried again with backoff.
 */
export class NatsLink {
  readonly #options: NatsLinkOptions
  readonly #listeners: NatsLinkListener[] = []
  readonly #optionalSubjects = new Set<string>()
  readonly #stop = new AbortController()
  #client: NatsConnection | undefined
  #connected = false
  #reconnects = 0
  /** What is wrong, as it was logged last; undefined: nothing is. */
  #complaint: string | undefined
  #running: Promise<void> | undefined

  constructor(options: NatsLinkOptions) {
    this.#options = options
  }

  /** Whether a message published now has a server to go to. */
  get connected(): boolean {
    return this.#connected
  }

  get reconnects(): number {
    return this.#reconnects
  }

  /** The client library's connection, once there is one; it outlives reconnects. */
  get client(): NatsConnection | undefined {
    return this.#client
  }

  /** Largest message that the server takes, headers included; 1 MiB until it has said so. */
  get maxPayload(): number {
    return this.#client?.info?.max_payload ?? 1024 * 1024
  }

  /** Published, and not yet taken by the system. */
  get pendingBytes(): number {
    const internals = this.#client as unknown as ClientInternals | undefined
    const { outbound, transport } = internals?.protocol ?? {}
    return (outbound?.size() ?? 0) + (transport?.socket?.writableLength ?? 0)
  }

  /** Whether the server has peers: then a 503 may be false for a moment after a subscription elsewhere. */
  get clustered(): boolean {
    return (this.#client?.info as { cluster?: string } | undefined)?.cluster !== undefined
  }

  /** One that comes when the link is up hears so at once. */
  listen(listener: NatsLinkListener): void {
    this.#listeners.push(listener)
    if (this.#connected && this.#client !== undefined) listener.onConnected(this.#client)
  }

  /** A subscription that the server may deny: whoever subscribes hears of it, and the log does not. */
  tolerateDenial(subject: string): void {
    this.#optionalSubjects.add(subject)
  }

  /** Begins to connect, in the background. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Flushes what was published and closes. Resolves when nothing of the link is left but a server that does not answer. */
  async close(): Promise<void> {
    this.#stop.abort()
    const client = this.#client
    if (client !== undefined && !client.isClosed()) {
      // A flush waits for the server's pong, which a dead server never sends.
      const flushed = this.#connected ? client.flush().catch(() => {}) : undefined
      await Promise.race([flushed, delay(LAST_WAIT_MS, undefined, { ref: false })])
      await client.close()
    }
    // The client library gives up by itself to connect, and what it gets after all is closed at once.
    await Promise.race([this.#running, delay(LAST_WAIT_MS, undefined, { ref: false })])
    this.#down()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const client = await this.#connect(signal)
      if (client === undefined) return
      this.#client = client
      // Not awaited: the client library does not end this iterator with its connection, only drops it.
      void this.#watch(client)
      this.#up(client)
      const failure = await client.closed()
      this.#down()
      if (!signal.aborted)
        this.#options.logger.error({ err: failure }, 'the NATS connection was closed; connecting again')
    }
  }

  async #connect(signal: AbortSignal): Promise<NatsConnection | undefined> {
    const { logger } = this.#options
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const client = await connect(this.#connectOptions())
        if (signal.aborted) {
          await client.close()
          return undefined
        }
        if (this.#complaint !== undefined) logger.info({ server: client.getServer() }, 'NATS is reachable')
        this.#complaint = undefined
        return client
      } catch (error) {
        this.#complain(error)
        const backoffMs = Math.min(100 * 2 ** attempt, MAX_BACKOFF_MS)
        await delay(backoffMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
      }
    }
    return undefined
  }

  #connectOptions(): ConnectionOptions {
    const { servers, creds, name, inboxPrefix } = this.#options
    const tls = clientTlsOf(servers, this.#options.tls)
    return {
      ...userInfoOf(servers),
      servers: servers.map(withoutUserInfo),
      name,
      timeout: CONNECT_TIMEOUT_MS,
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      reconnectDelayHandler: () => 50 + Math.random() * 200,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: 2,
      ...(tls === undefined ? {} : { tls }),
      ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
      ...(creds === undefined ? {} : { authenticator: credentialsFile(creds) }),
    }
  }

  async #watch(client: NatsConnection): Promise<void> {
    const { logger } = this.#options
    for await (const status of client.status()) {
      // Of each handshake that fails there is a `Disconnect`, and in the end a `Reconnect` for each of those.
      if (status.type === Events.Disconnect) {
        if (!this.#connected) continue
        logger.error({ server: client.getServer() }, 'NATS is gone; reconnecting')
        this.#down()
      } else if (status.type === Events.Reconnect) {
        if (this.#connected) continue
        this.#reconnects++
        this.#complaint = undefined
        logger.info({ server: client.getServer() }, 'NATS is back')
        this.#up(client)
      } else if (status.type === Events.Error) {
        if (this.#optionalSubjects.has(status.permissionContext?.subject ?? '')) continue
        if (this.#connected) logger.error({ error: status.data }, 'the NATS server reports an error')
        else this.#complain(new NatsError(String(status.data), String(status.data)))
      } else if (status.type === Events.LDM) {
        logger.warn({ server: client.getServer() }, 'the NATS server is about to shut down')
      }
    }
  }

  /** Why there is no connection: once, until there is something else to say. */
  #complain(error: unknown): void {
    const { logger, servers } = this.#options
    const failure = explainConnectFailure(error, this.#options)
    const fields = { servers: servers.map(withoutUserInfo), err: failure }
    const complaint =
      failure instanceof NatsConnectFailure
        ? `no connection with NATS, trying until there is one: ${failure.message}`
        : 'NATS is not reachable; trying until it is'
    if (complaint === this.#complaint) logger.debug(fields, complaint)
    else logger.error(fields, complaint)
    this.#complaint = complaint
  }

  #up(client: NatsConnection): void {
    this.#connected = true
    for (const listener of this.#listeners) listener.onConnected(client)
  }

  #down(): void {
    if (!this.#connected) return
    this.#connected = false
    for (const listener of this.#listeners) listener.onDisconnected()
  }
}
