import type { TestContext } from 'node:test'
import { createHttpAdapter } from '../../../src/adapters/http/adapter.ts'
import { startWebListener } from '../../../src/adapters/web-listener.ts'
import { BufferBudget } from '../../../src/exchange/buffer-budget.ts'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import type { Dispatch } from '../../../src/exchange/exchange.ts'
import { DEAF_LIMIT_OBSERVER } from '../../../src/exchange/limit.ts'
import { OPEN_GATE } from '../../support/open-gate.ts'
import { silentLogger } from '../../support/silent-logger.ts'
import { unlimitedWebConnections } from '../../support/unlimited.ts'

/** A listener for HTTP, with the backend's side in the hands of the test. */
export async function startHttp(t: TestContext, dispatch: Dispatch): Promise<number> {
  const wheel = new DeadlineWheel()
  const connections = unlimitedWebConnections()
  const options = { maxHeaderBytes: 16 * 1024, maxUriBytes: 8 * 1024, connections }
  const adapter = createHttpAdapter({
    ...options,
    dispatch,
    gate: OPEN_GATE,
    wheel,
    observer: { begun() {}, refused() {}, ended() {} },
    limitObserver: DEAF_LIMIT_OBSERVER,
    buffers: new BufferBudget(),
    transferLimits: { stallTimeoutMs: 30_000, minBodyBytesPerSecond: 100 },
    proxies: undefined,
    makeRequestId: () => 'id',
  })
  const listener = await startWebListener({
    ...options,
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    logger: silentLogger,
    adapters: [adapter],
  })
  t.after(() => {
    listener.close()
    wheel.stop()
  })
  return listener.port
}
