import { randomFillSync } from 'node:crypto'
import { ConnectionLimits } from '../../src/adapters/connection-limits.ts'
import { createHttpAdapter } from '../../src/adapters/http/adapter.ts'
import type { TransferLimits } from '../../src/adapters/http/transfer-watch.ts'
import type { MessageRateLimits } from '../../src/adapters/message-rate.ts'
import { createMux } from '../../src/adapters/mux/mux.ts'
import { trustProxies } from '../../src/adapters/trusted-proxies.ts'
import { WebConnections } from '../../src/adapters/web-connections.ts'
import { startWebListener, type WebListener, type WebListenerOptions } from '../../src/adapters/web-listener.ts'
import { createWebSocketAdapter, type WebSocketAdapterOptions } from '../../src/adapters/websocket/adapter.ts'
import type { TcpListener } from '../../src/config/router-config.ts'
import { BufferBudget } from '../../src/exchange/buffer-budget.ts'
import { DeadlineWheel } from '../../src/exchange/deadline-wheel.ts'
import type { ErrorCode } from '../../src/exchange/errors.ts'
import type { Gate } from '../../src/exchange/gate.ts'
import type { ExchangeObserver } from '../../src/exchange/observer.ts'
import type { RouteService } from '../../src/exchange/route.ts'
import { createAsk } from '../../src/nats/ask.ts'
import { NatsLink } from '../../src/nats/connection.ts'
import { createTransport, type Transport } from '../../src/nats/transport.ts'
import { ApiKeyDirectory } from '../../src/policies/api-key-directory.ts'
import { createPolicies } from '../../src/policies/policies.ts'
import type { PolicyContext } from '../../src/policies/policy.ts'
import { mergePolicies, type PolicySpec } from '../../src/policies/policy-list.ts'
import { RevocationDirectory } from '../../src/policies/revocation-directory.ts'
import { createRouting } from '../../src/routing/dispatch.ts'
import { checkRoutes, parseRoute, type RouteDocument, type RouteSpec } from '../../src/routing/spec.ts'
import { compileTable } from '../../src/routing/table.ts'
import { WorkspaceDirectory } from '../../src/routing/workspace-directory.ts'
import { startTcpListeners, type TcpListeners } from '../../src/tcp-listeners.ts'
import { LimitHits } from '../../src/telemetry/limit-hits.ts'
import { eventually } from './eventually.ts'
import { OPEN_GATE } from './open-gate.ts'
import { silentLogger } from './silent-logger.ts'

/** One exchange that is over, as the observer was told. */
export interface Ended {
  readonly route: string | undefined
  readonly status: number
  readonly code: ErrorCode | 'ok'
  readonly requestId: string
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Clients to NATS as the router composes it, in this process, with its routes from the test and not from Postgres. */
export interface Gateway {
  readonly http: WebListener
  readonly tcp: TcpListeners
  readonly url: string
  readonly port: number
  readonly transport: Transport
  readonly link: NatsLink
  readonly wheel: DeadlineWheel
  readonly apiKeys: ApiKeyDirectory
  readonly revocations: RevocationDirectory
  readonly workspaces: WorkspaceDirectory
  readonly ended: Ended[]
  /** Exchanges refused unread. */
  readonly refused: number
  /** What clients went over. */
  readonly limited: LimitHits
  readonly connectionLimits: ConnectionLimits
  readonly buffers: BufferBudget
  setRoutes(documents: readonly RouteDocument[]): void
  /** As `setRoutes`, of what is parsed and checked already. */
  setSpecs(specs: readonly RouteSpec[]): void
  /** Fails unless every map is empty, which it waits for. */
  assertIdle(): Promise<void>
  close(): Promise<void>
}

export interface GatewayOptions {
  readonly natsUrl: string
  readonly routes: readonly RouteDocument[]
  readonly maxHeaderBytes?: number
  readonly maxUriBytes?: number
  readonly maxConnections?: number
  readonly maxConnectionsPerIp?: number
  readonly trustedProxies?: readonly string[]
  readonly transferLimits?: Partial<TransferLimits>
  readonly messageRate?: Partial<MessageRateLimits>
  readonly maxStreams?: number
  readonly maxBufferedBytes?: number
  readonly maxBufferedBytesPerAddress?: number
  readonly maxBufferedBytesPerConnection?: number
  readonly keepEnded?: boolean
  /** Over WebSockets; default true. */
  readonly mux?: boolean
  /** The clock of the wheel, which is then the test's to advance. */
  readonly now?: () => number
  readonly tls?: WebListenerOptions['tls']
  readonly certificatePollMs?: number
  /** Of all routes. */
  readonly policies?: readonly PolicySpec[]
  /** In place of what the router gives to policies. */
  readonly policyContext?: Partial<PolicyContext>
  /** Around all that serves a route. */
  readonly admit?: (service: RouteService) => RouteService
  /** Default: open. */
  readonly gate?: Gate
  /** Listeners on free ports. */
  readonly tcp?: readonly Pick<TcpListener, 'protocol' | 'route'>[]
  readonly webSocket?: Partial<
    Pick<WebSocketAdapterOptions, 'origins' | 'maxMessageBytes' | 'pingEveryMs' | 'silenceS' | 'lingerMs'>
  >
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const {
    natsUrl,
    maxHeaderBytes = 16 * 1024,
    maxUriBytes = 8 * 1024,
    maxConnections = 10_000,
    keepEnded = true,
    admit = (service) => service,
    gate = OPEN_GATE,
  } = options
  const link = new NatsLink({ servers: [natsUrl], name: 'test gateway', logger: silentLogger })
  const wheel = new DeadlineWheel(options.now === undefined ? {} : { now: options.now })
  const limited = new LimitHits(silentLogger)
  const buffers = new BufferBudget({
    maxBytes: options.maxBufferedBytes ?? Infinity,
    maxBytesPerAddress: options.maxBufferedBytesPerAddress ?? Infinity,
    maxBytesPerConnection: options.maxBufferedBytesPerConnection ?? Infinity,
    observer: limited,
  })
  const transport = createTransport({
    buffers,
    link,
    wheel,
    inboxPrefix: '_INBOX',
    randomFill: randomFillSync,
    random: Math.random,
  })
  const workspaces = new WorkspaceDirectory()
  const apiKeys = new ApiKeyDirectory({ wheel, now: Date.now })
  const revocations = new RevocationDirectory(Date.now)
  const policies = createPolicies({
    wheel,
    now: Date.now,
    logger: silentLogger,
    buffers,
    ask: createAsk(link),
    apiKeys,
    revocations,
    circuits: new Set(),
    ...options.policyContext,
  })
  const compile = (specs: readonly RouteSpec[], revision: number) =>
    compileTable(specs, {
      revision,
      dispatch: transport.dispatchFor,
      workspaces,
      protect: (route, spec, service) =>
        admit(policies.protect(route, mergePolicies(options.policies ?? [], spec.policies), service)),
      defaultMaxBodyBytes: 10 * 1024 * 1024,
    })
  let table = compile(parseAll(options.routes), 1)
  const ended: Ended[] = []
  let refused = 0
  let next = 0
  const observer: ExchangeObserver = {
    begun() {},
    refused() {
      refused++
    },
    ended({ route, requestId }, status, error, _durationMs, bytesIn, bytesOut) {
      if (keepEnded) ended.push({ route: route?.name, status, code: error?.code ?? 'ok', requestId, bytesIn, bytesOut })
    },
  }
  const proxies = trustProxies(options.trustedProxies ?? [])
  const connectionLimits = new ConnectionLimits({
    maxConnections,
    maxPerAddress: options.maxConnectionsPerIp ?? 10_000,
    isProxy: (address) => proxies?.has(address) ?? false,
    observer: limited,
  })
  const clients = {
    maxHeaderBytes,
    maxUriBytes,
    wheel,
    makeRequestId: () => `test-${next++}`,
    observer,
    limitObserver: limited,
    stallTimeoutMs: options.transferLimits?.stallTimeoutMs ?? 30_000,
    buffers,
    messageRate: { messagesPerSecond: 0, bytesPerSecond: 0, ...options.messageRate },
    transferLimits: { ...TRANSFER_LIMITS, ...options.transferLimits },
    connections: new WebConnections({ limits: connectionLimits, observer: limited }),
    proxies,
  }
  const routing = createRouting(() => table)
  const connectMux = createMux({
    ...clients,
    routing,
    ...(options.maxStreams !== undefined && { maxExchanges: options.maxStreams }),
  })
  const http = await startWebListener({
    ...clients,
    host: '127.0.0.1',
    port: 0,
    tls: options.tls,
    certificatePollMs: options.certificatePollMs,
    logger: silentLogger,
    adapters: [
      createHttpAdapter({ ...clients, dispatch: routing.dispatch, gate }),
      createWebSocketAdapter({
        ...clients,
        resolve: routing.resolve,
        connectMux: options.mux === false ? undefined : connectMux,
        origins: undefined,
        maxMessageBytes: 1024 * 1024,
        ...options.webSocket,
      }),
    ],
  })
  const tcp = await startTcpListeners({
    ...clients,
    listeners: (options.tcp ?? []).map((listener) => ({ ...TCP_DEFAULTS, ...listener })),
    limits: connectionLimits,
    table: () => table,
    connectMux,
    logger: silentLogger,
  })
  link.start()
  await eventually('connected to NATS', () => link.connected)
  const close = async () => {
    http.close()
    tcp.close()
    await link.close()
    policies.close()
    wheel.stop()
  }
  return {
    http,
    tcp,
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${http.port}`,
    port: http.port,
    transport,
    link,
    wheel,
    apiKeys,
    revocations,
    workspaces,
    ended,
    get refused() {
      return refused
    },
    limited,
    connectionLimits,
    buffers,
    setRoutes(documents) {
      table = compile(parseAll(documents), table.revision + 1)
      policies.settle()
    },
    setSpecs(specs) {
      table = compile(specs, table.revision + 1)
    },
    async assertIdle() {
      const held = () => buffers.heldBytes + buffers.addresses
      const open = () => transport.size + http.exchanges + tcp.connections
      await eventually('every map is empty', () => open() + held() + wheel.size === 0).catch(async (error) => {
        // What is left would keep the process of the test.
        await close()
        throw error
      })
    },
    close,
  }
}

const TRANSFER_LIMITS: TransferLimits = { stallTimeoutMs: 30_000, minBodyBytesPerSecond: 500 }

const TCP_DEFAULTS: TcpListener = {
  host: '127.0.0.1',
  port: 0,
  reusePort: false,
  protocol: 'raw',
  route: undefined,
  framing: 'none',
  idleTimeoutMs: 0,
  tls: undefined,
  proxyProtocol: false,
  maxConnections: 10_000,
}

function parseAll(documents: readonly RouteDocument[]): RouteSpec[] {
  const specs = documents.map((document) => {
    const parsed = parseRoute(document)
    if (!parsed.ok)
      throw new Error(parsed.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
    return parsed.spec
  })
  const issues = checkRoutes(specs)
  if (issues.length > 0) throw new Error(issues.map(({ message }) => message).join('; '))
  return specs
}
