import type { TestContext } from 'node:test'
import { createHttpAdapter } from '../../src/adapters/http/adapter.ts'
import { createMux } from '../../src/adapters/mux/mux.ts'
import type { TlsOptions } from '../../src/adapters/tls/tls-options.ts'
import { startWebListener, type WebListener } from '../../src/adapters/web-listener.ts'
import { createWebSocketAdapter } from '../../src/adapters/websocket/adapter.ts'
import { BufferBudget } from '../../src/exchange/buffer-budget.ts'
import { CLOSED_SIDE } from '../../src/exchange/closed-side.ts'
import { DeadlineWheel } from '../../src/exchange/deadline-wheel.ts'
import type { Dispatch, RequestHead } from '../../src/exchange/exchange.ts'
import type { Gate } from '../../src/exchange/gate.ts'
import { DEAF_LIMIT_OBSERVER } from '../../src/exchange/limit.ts'
import type { Logger } from '../../src/exchange/logger.ts'
import { OPEN_GATE } from './open-gate.ts'
import { testRoute } from './test-route.ts'
import { unlimitedWebConnections } from './unlimited.ts'

/** A listener over TLS without NATS behind it: every request is answered by the name of its client. */
export interface TlsWebListener {
  readonly listener: WebListener
  readonly port: number
  /** Requests in the order in which they came. */
  readonly requests: RequestHead[]
  readonly log: string[]
}

export async function startTlsWebListener(
  t: TestContext,
  tls: TlsOptions,
  gate: Gate = OPEN_GATE,
): Promise<TlsWebListener> {
  const requests: RequestHead[] = []
  const log: string[] = []
  const wheel = new DeadlineWheel()
  const dispatch: Dispatch = (request, client) => {
    requests.push(request)
    const body = Buffer.from(request.certificate?.commonName ?? 'nobody')
    client.head({ status: 200, headers: [], length: body.length, messages: false })
    client.data(body)
    client.end()
    return CLOSED_SIDE
  }
  const route = { ...testRoute({ name: 'hello', kind: 'ws', websocket: 'rpc' }), dispatch }
  const shared = {
    maxHeaderBytes: 16 * 1024,
    maxUriBytes: 8 * 1024,
    wheel,
    observer: { begun() {}, refused() {}, ended() {} },
    makeRequestId: () => 'id',
    connections: unlimitedWebConnections(),
    proxies: undefined,
    limitObserver: DEAF_LIMIT_OBSERVER,
    buffers: new BufferBudget(),
    messageRate: { messagesPerSecond: 0, bytesPerSecond: 0 },
    stallTimeoutMs: 30_000,
    transferLimits: { stallTimeoutMs: 30_000, minBodyBytesPerSecond: 500 },
  }
  const resolve = (request: RequestHead) => {
    request.route = route
    return undefined
  }
  const connectMux = createMux({ ...shared, routing: { resolve } })
  const write = (_fields: object, message: string) => void log.push(message)
  const logger: Logger = { debug: write, info: write, warn: write, error: write }
  const listener = await startWebListener({
    ...shared,
    host: '127.0.0.1',
    port: 0,
    tls,
    certificatePollMs: 20,
    logger,
    adapters: [
      createHttpAdapter({ ...shared, dispatch, gate }),
      createWebSocketAdapter({ ...shared, resolve, connectMux, origins: undefined, maxMessageBytes: 1024 }),
    ],
  })
  t.after(() => {
    listener.close()
    wheel.stop()
  })
  return { listener, port: listener.port, requests, log }
}
