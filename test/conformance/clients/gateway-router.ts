import type { TcpListener } from '../../../src/config/router-config.ts'
import type { RouteDocument } from '../../../src/routing/spec.ts'
import { type Gateway, startGateway } from '../../support/gateway.ts'
import type { ClientStream, OpenOptions, RouterUnderTest, Target } from '../client.ts'
import { routesFor } from '../routes.ts'

export interface GatewayRouterOptions {
  readonly match: (target: Target) => RouteDocument['match']
  readonly tcp?: readonly Pick<TcpListener, 'protocol' | 'route'>[]
  /** Called once, for the router that it is given. */
  readonly client: (gateway: Gateway) => (target: Target, options: OpenOptions) => ClientStream
}

/** A router in this process, and one kind of clients of it. */
export async function startGatewayRouter(natsUrl: string, options: GatewayRouterOptions): Promise<RouterUnderTest> {
  const { match, tcp = [], client } = options
  const gateway = await startGateway({ natsUrl, routes: routesFor(match), tcp })
  const open = client(gateway)
  return {
    open: (target, options = {}) => open(target, options),
    async drain(timeoutMs) {
      await Promise.all([gateway.http.drain(timeoutMs), gateway.tcp.drain(timeoutMs)])
    },
    assertIdle: () => gateway.assertIdle(),
    close: () => gateway.close(),
  }
}
