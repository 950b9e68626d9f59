import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { Dispatch } from '../exchange/exchange.ts'
import type { OpenExchange } from '../exchange/open-exchange.ts'
import type { RouteSettings } from '../exchange/route.ts'
import { NatsLink, type NatsLinkOptions } from './connection.ts'
import { createTransport, type Transport, type TransportOptions } from './transport.ts'

export interface WorkspaceTransportsOptions {
  /** Path of a workspace's credentials file; `{id}` and `{name}` in it are those of the workspace. */
  readonly creds: string
  /** Of every connection. */
  readonly link: Omit<NatsLinkOptions, 'creds'>
  readonly transport: Omit<TransportOptions, 'link'>
}

/** A workspace, as far as its connection goes. */
export interface Tenant {
  readonly id: string
  readonly name: string
}

interface Entry {
  readonly creds: string
  readonly link: NatsLink
  readonly transport: Transport
}

/** Each is a connection to NATS. One workspace more goes without, and its requests get `nats_unavailable`. */
const MAX_LINKS = 1000

/**
 * A NATS connection for each workspace, with credentials of its own: what NATS does not let it see is out of reach for its
 * requests, whatever a route says. Follows the table of workspaces: `replace`.
 */
export class WorkspaceTransports {
  readonly #options: WorkspaceTransportsOptions
  #entries = new Map<string, Entry>()
  /** Links that are about to be closed. */
  readonly #closing = new Set<Promise<void>>()

  constructor(options: WorkspaceTransportsOptions) {
    this.#options = options
  }

  /** Exchanges open. */
  get size(): number {
    let sum = 0
    for (const { transport } of this.#entries.values()) sum += transport.size
    return sum
  }

  /** @param after as that of each */
  *list(after?: number): Iterable<OpenExchange> {
    for (const { transport } of this.#entries.values()) yield* transport.list(after)
  }

  /** What waits to be published goes now. */
  flush(): void {
    for (const { transport } of this.#entries.values()) transport.flush()
  }

  /** A request that names a workspace goes over the connection of that, any other to `shared`. */
  dispatchFor(route: RouteSettings, shared: Dispatch): Dispatch {
    const own = new WeakMap<Transport, Dispatch>()
    return (request, client) => {
      if (request.workspace === undefined) return shared(request, client)
      const transport = this.#entries.get(request.workspace)?.transport
      if (transport === undefined) {
        client.reset(new ExchangeError('nats_unavailable', `workspace ${request.workspace} has no NATS connection`))
        return CLOSED_SIDE
      }
      let dispatch = own.get(transport)
      if (dispatch === undefined) {
        dispatch = transport.dispatchFor(route)
        own.set(transport, dispatch)
      }
      return dispatch(request, client)
    }
  }

  /** What is under way for a workspace that is gone, or has other credentials now, loses its connection. */
  replace(tenants: readonly Tenant[]): void {
    const before = this.#entries
    this.#entries = new Map()
    for (const tenant of tenants.slice(0, MAX_LINKS)) {
      const creds = this.#options.creds.replace(/\{(id|name)\}/g, (_, key: 'id' | 'name') => tenant[key])
      const known = before.get(tenant.id)
      this.#entries.set(tenant.id, known?.creds === creds ? known : this.#open(tenant, creds))
    }
    for (const [id, entry] of before) if (this.#entries.get(id) !== entry) this.#close(entry)
    if (tenants.length > MAX_LINKS) {
      const { logger } = this.#options.link
      logger.error({ workspaces: tenants.length }, `only ${MAX_LINKS} workspaces have a NATS connection of their own`)
    }
  }

  /** Resolves when no connection is left. */
  async close(): Promise<void> {
    this.replace([])
    await Promise.all(this.#closing)
  }

  #open({ name }: Tenant, creds: string): Entry {
    const link = new NatsLink({ ...this.#options.link, name: `${this.#options.link.name} ${name}`, creds })
    const transport = createTransport({ ...this.#options.transport, link })
    link.start()
    return { creds, link, transport }
  }

  #close({ link }: Entry): void {
    const closed = link.close().finally(() => this.#closing.delete(closed))
    this.#closing.add(closed)
  }
}
