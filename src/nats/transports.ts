import type { Dispatch } from '../exchange/exchange.ts'
import type { OpenExchange } from '../exchange/open-exchange.ts'
import type { RouteSettings } from '../exchange/route.ts'
import type { NatsLink, NatsLinkOptions } from './connection.ts'
import { createCounter, createTransport, type TransportOptions } from './transport.ts'
import { type Tenant, WorkspaceTransports } from './workspace-transports.ts'

export interface TransportsOptions {
  /** That all exchanges share whose request names no workspace with a connection of its own. */
  readonly link: NatsLink
  /** Of connections for one workspace each. */
  readonly workspaceLink: Omit<NatsLinkOptions, 'creds'>
  /** Path of a workspace's credentials file: see there. Undefined: all share `link`. */
  readonly workspaceCreds: string | undefined
  readonly transport: Omit<TransportOptions, 'link' | 'nextNumber'>
}

/** All ways to NATS of a router. */
export interface Transports {
  /** The end of every chain of policies: see `Transport`. */
  dispatchFor(route: RouteSettings): Dispatch
  /** Exchanges open. */
  readonly size: number
  /** Messages that came for an exchange that was over, over the shared connection. */
  readonly lateMessages: number
  /** Exchanges by number, whatever their connection. @param after the number after which the list begins */
  list(after?: number): Iterable<OpenExchange>
  /** What waits to be published goes now. */
  flush(): void
  /** These are the workspaces now. */
  setWorkspaces(tenants: readonly Tenant[]): void
  /** The connections of workspaces; the shared one is its owner's. */
  close(): Promise<void>
}

export function createTransports({ link, workspaceLink, workspaceCreds, transport }: TransportsOptions): Transports {
  const options = { ...transport, nextNumber: createCounter() }
  const shared = createTransport({ ...options, link })
  const own =
    workspaceCreds === undefined
      ? undefined
      : new WorkspaceTransports({ creds: workspaceCreds, link: workspaceLink, transport: options })
  return {
    dispatchFor(route) {
      const dispatch = shared.dispatchFor(route)
      return own?.dispatchFor(route, dispatch) ?? dispatch
    },
    get size() {
      return shared.size + (own?.size ?? 0)
    },
    get lateMessages() {
      return shared.lateMessages
    },
    *list(after) {
      if (own === undefined) yield* shared.list(after)
      else yield* [...shared.list(after), ...own.list(after)].sort((a, b) => a.number - b.number)
    },
    flush() {
      shared.flush()
      own?.flush()
    },
    setWorkspaces: (tenants) => own?.replace(tenants),
    close: async () => own?.close(),
  }
}
