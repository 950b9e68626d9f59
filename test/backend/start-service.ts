import type { TestContext } from 'node:test'
import { connect, type NatsConnection } from 'nats'
import { type ServeOptions, type Service, serve } from '../../src/backend/index.ts'
import { natsUrl } from '../support/nats.ts'

export interface TestService {
  readonly service: Service
  /** A connection of the test's own, to play the router on. */
  readonly router: NatsConnection
  /** What handlers threw. */
  readonly errors: unknown[]
  /** A prefix for subjects that no other test uses. */
  readonly prefix: string
}

let services = 0

/** A service and a router's connection for one test. */
export async function startService(t: TestContext, options: Partial<ServeOptions> = {}): Promise<TestService> {
  const servers = await natsUrl()
  const errors: unknown[] = []
  const service = await serve({
    nats: { servers },
    name: 'test',
    version: '1.0.0',
    onError: (error) => errors.push(error),
    ...options,
  })
  const router = await connect({ servers })
  t.after(async () => {
    await service.drain(0)
    await router.close()
  })
  return { service, router, errors, prefix: `backend-${process.pid}-${services++}` }
}
