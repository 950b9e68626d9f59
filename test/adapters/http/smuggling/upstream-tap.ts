import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { TestContext } from 'node:test'

/** Between a front end and the router: what goes over which connection. */
export interface UpstreamTap {
  readonly port: number
  /** What the front end has sent over each connection, in the order in which they were opened. */
  readonly connections: readonly { readonly text: string }[]
}

/** Ends with the test. */
export async function startUpstreamTap(t: TestContext, routerPort: number): Promise<UpstreamTap> {
  const connections: { text: string }[] = []
  const server = createServer({ allowHalfOpen: true }, (frontEnd) => {
    const connection = { text: '' }
    connections.push(connection)
    const router = connect({ port: routerPort, host: '127.0.0.1', allowHalfOpen: true })
    frontEnd.on('data', (chunk) => (connection.text += chunk.toString('latin1')))
    frontEnd.pipe(router).pipe(frontEnd)
    // A reset of the one is a reset of the other.
    frontEnd.on('error', () => {}).on('close', () => router.destroy())
    router.on('error', () => {}).on('close', () => frontEnd.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { port: (server.address() as AddressInfo).port, connections }
}
