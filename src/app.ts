import { randomBytes, randomFillSync } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { ConnectionLimits } from './adapters/connection-limits.ts'
import { createHttpAdapter } from './adapters/http/adapter.ts'
import { createMux } from './adapters/mux/mux.ts'
import { trustProxies } from './adapters/trusted-proxies.ts'
import { WebConnections } from './adapters/web-connections.ts'
import { startWebListener } from './adapters/web-listener.ts'
import { createWebSocketAdapter } from './adapters/websocket/adapter.ts'
import { startAdminServer } from './admin/server.ts'
import { createAdminSource } from './admin-source.ts'
import { describeConfig, type RouterConfig } from './config/router-config.ts'
import { BufferBudget } from './exchange/buffer-budget.ts'
import { DeadlineWheel } from './exchange/deadline-wheel.ts'
import type { RouteService } from './exchange/route.ts'
import { createListenerRoutesCheck } from './listener-routes.ts'
import { createAsk } from './nats/ask.ts'
import { NatsLink } from './nats/connection.ts'
import { createTransports } from './nats/transports.ts'
import { startOperatorService } from './operator-service.ts'
import { ApiKeyDirectory } from './policies/api-key-directory.ts'
import type { Circuit } from './policies/circuit.ts'
import { createPolicies } from './policies/policies.ts'
import { mergePolicies } from './policies/policy-list.ts'
import { RevocationDirectory } from './policies/revocation-directory.ts'
import { createRouteTables } from './route-tables.ts'
import { createRouting } from './routing/dispatch.ts'
import type { RouteSpec } from './routing/spec.ts'
import { checkSharing, sharesPorts, untilReady } from './shared-ports.ts'
import { startShedding } from './shedding.ts'
import { startTcpListeners } from './tcp-listeners.ts'
import { writeCircuits } from './telemetry/circuit-gauges.ts'
import { createExchangeLog } from './telemetry/exchange-log.ts'
import { ExchangeMetrics } from './telemetry/exchange-metrics.ts'
import { LimitHits } from './telemetry/limit-hits.ts'
import type { RouterLogger } from './telemetry/log.ts'
import { MetricsWriter } from './telemetry/metrics-writer.ts'
import { observeAll } from './telemetry/observe-all.ts'
import { ProcessMetrics } from './telemetry/process-metrics.ts'
import { type RouterGauges, writeRouterGauges } from './telemetry/router-gauges.ts'
import type { Tracing } from './telemetry/tracing.ts'

/** A running router. */
export interface App {
  /** Where it listens; chosen by the system where the configuration says 0. */
  readonly httpPort: number
  readonly adminPort: number
  /** In the order of the configuration. */
  readonly tcpPorts: readonly number[]
  /** What it counts of itself right now. */
  gauges(): RouterGauges
  /** Resolves when an operator asks for a stop over the admin API; `stop` is still the owner's to call. */
  readonly drainRequested: Promise<void>
  /**
   * Not ready; after `drain.delay` no new connections; finishes what is under way within `drain.timeout`; releases
   * everything.
   */
  stop(): Promise<void>
}

/**
 * The composition root: builds the parts in order, and `stop` ends them in reverse. Resolves once it listens; NATS and
 * Postgres may come later, `/readyz` says when. One that shares its ports listens when it is ready, and not before.
 * Rejects if a port is taken, with nothing left behind.
 * @param tracing undefined: off, and nothing on the path of a request asks for it
 * @param signal ends the wait to be ready, with its reason
 */
export async function startApp(
  config: RouterConfig,
  logger: RouterLogger,
  tracing?: Tracing,
  signal?: AbortSignal,
): Promise<App> {
  const { limits } = config
  const wheel = new DeadlineWheel()
  const metrics = new ExchangeMetrics()
  const link = new NatsLink({ ...config.nats, name: 'engine-router', logger })
  const limitObserver = new LimitHits(logger)
  const proxies = trustProxies(config.listen.http.trustedProxies)
  const isProxy = (address: string) => proxies?.has(address) ?? false
  const buffers = new BufferBudget({
    maxBytes: limits.bufferedBytes,
    maxBytesPerAddress: limits.bufferedBytesPerIp,
    maxBytesPerConnection: limits.bufferedBytesPerConnection,
    isProxy,
    observer: limitObserver,
  })
  const transports = createTransports({
    link,
    workspaceLink: { ...config.nats, name: 'engine-router', logger },
    workspaceCreds: config.nats.workspaceCreds,
    transport: {
      wheel,
      buffers,
      inboxPrefix: config.nats.inboxPrefix,
      randomFill: randomFillSync,
      random: Math.random,
      observer: metrics,
      maxExchanges: limits.exchanges,
    },
  })
  const shedding = startShedding({ maxLoopDelayMs: limits.loopDelayMs, wheel, logger, flush: transports.flush })
  const { admission } = shedding
  const apiKeys = new ApiKeyDirectory({ wheel, now: Date.now })
  const revocations = new RevocationDirectory(Date.now)
  const circuits = new Set<Circuit>()
  const policies = createPolicies({
    wheel,
    now: Date.now,
    logger,
    buffers,
    ask: createAsk(link),
    apiKeys,
    revocations,
    circuits,
  })
  const tables = createRouteTables(
    config,
    logger,
    {
      dispatch: transports.dispatchFor,
      protect: (route, spec, service) =>
        admission.protect(
          traced(tracing, spec, policies.protect(route, mergePolicies(config.policies, spec.policies), service)),
        ),
    },
    { apiKeys, revocations, onWorkspaces: transports.setWorkspaces },
  )
  const observer = observeAll(metrics, createExchangeLog(logger))
  let draining = false

  const connectionLimits = new ConnectionLimits({
    maxConnections: limits.connections,
    maxPerAddress: limits.connectionsPerIp,
    isProxy,
    observer: limitObserver,
  })
  const clients = {
    maxHeaderBytes: limits.headerBytes,
    maxUriBytes: limits.uriBytes,
    wheel,
    // Before the log, which names the traces.
    observer: tracing === undefined ? observer : observeAll(tracing.observer, observer),
    makeRequestId: createRequestIds(),
    limitObserver,
    messageRate: limits,
    stallTimeoutMs: limits.stallTimeoutMs,
    buffers,
    transferLimits: {
      stallTimeoutMs: limits.stallTimeoutMs,
      minBodyBytesPerSecond: limits.bodyBytesPerSecond,
    },
    connections: new WebConnections({ limits: connectionLimits, observer: limitObserver }),
    proxies,
  }
  const routing = createRouting(tables.current)
  const connectMux = createMux({ ...clients, routing, maxExchanges: limits.streams })
  const webSockets = createWebSocketAdapter({
    ...clients,
    resolve: routing.resolve,
    connectMux: config.listen.http.mux ? connectMux : undefined,
    origins: config.listen.http.origins,
    maxMessageBytes: limits.messageBytes,
  })
  const readiness = () => {
    const reasons: string[] = []
    if (draining) reasons.push('draining')
    if (!link.connected) reasons.push('NATS is not connected')
    if (tables.unready !== undefined) reasons.push(tables.unready)
    return reasons
  }
  const forgetGoneRoutes = () => {
    const table = tables.current()
    if (table !== undefined) metrics.forgetGone((name) => table.byName(name) !== undefined, Date.now())
  }
  const checkListenerRoutes = createListenerRoutesCheck(config.listen.tcp, logger)
  const startRouting = () => {
    link.start()
    tables.start(() => {
      policies.settle()
      forgetGoneRoutes()
      const table = tables.current()
      if (table !== undefined) checkListenerRoutes(table)
    })
  }
  const stopRouting = async () => {
    await tables.stop()
    policies.close()
    await Promise.all([link.close(), transports.close()])
    wheel.stop()
    shedding.close()
  }
  const isShared = sharesPorts(config)
  if (isShared) {
    await checkSharing(logger)
    startRouting()
    await untilReady(readiness, logger, signal).catch(async (error) => {
      await stopRouting()
      throw error
    })
  }

  const web = await startWebListener({
    ...config.listen.http,
    ...clients,
    logger,
    adapters: [createHttpAdapter({ ...clients, dispatch: routing.dispatch, gate: admission }), webSockets],
  }).catch(async (error) => {
    await stopRouting()
    throw error
  })

  const tcp = await startTcpListeners({
    ...clients,
    listeners: config.listen.tcp,
    limits: connectionLimits,
    table: tables.current,
    connectMux,
    logger,
  }).catch(async (error) => {
    web.close()
    await stopRouting()
    throw error
  })

  const gauges = (): RouterGauges => ({
    connections: web.connections,
    refusedConnections: web.refusedConnections,
    webSockets: webSockets.exchanges,
    tcpConnections: tcp.connections,
    tcpRefusedConnections: tcp.refusedConnections,
    webExchanges: web.exchanges,
    shedding: admission.isShedding,
    shedExchanges: admission.refused,
    natsExchanges: transports.size,
    deadlines: wheel.size,
    bufferedBytes: buffers.heldBytes,
    lateMessages: transports.lateMessages,
    natsConnected: link.connected,
    natsReconnects: link.reconnects,
    natsPendingBytes: link.pendingBytes,
    routes: tables.current()?.size ?? 0,
    tableRevision: tables.current()?.revision ?? 0,
    tableLoadedAtMs: tables.loadedAtMs,
    quarantinedRoutes: tables.quarantined,
    draining,
    certificateExpiriesMs: { http: web.certificateExpiresAtMs, ...tcp.certificateExpiriesMs },
  })
  const processMetrics = new ProcessMetrics()
  const renderMetrics = () => {
    forgetGoneRoutes()
    const out = new MetricsWriter()
    metrics.write(out)
    limitObserver.write(out)
    writeRouterGauges(out, gauges(), Date.now())
    writeCircuits(out, circuits)
    processMetrics.write(out)
    return { contentType: MetricsWriter.contentType, text: out.toString() }
  }

  const { promise: drainRequested, resolve: requestDrain } = Promise.withResolvers<void>()
  const source = createAdminSource({
    table: tables.current,
    webSockets,
    tcp,
    transports,
    link,
    inboxPrefix: config.nats.inboxPrefix,
    drain: requestDrain,
  })
  const admin = await startAdminServer({
    ...config.listen.admin,
    source,
    readiness,
    metrics: renderMetrics,
    logger,
  }).catch(async (error) => {
    web.close()
    tcp.close()
    processMetrics.close()
    await stopRouting()
    throw error
  })
  const ports = { http: web.port, admin: admin.port }
  const operators = config.nats.service
    ? startOperatorService({ link, logger, source, metrics: renderMetrics, ports, randomBytes })
    : undefined
  if (!isShared) startRouting()
  logger.info({ config: describeConfig(config) }, 'configuration')
  logger.info(
    { http: web.port, admin: admin.port, tcp: tcp.ports },
    `listening on ${config.listen.http.tls === undefined ? 'http' : 'https'}://${config.listen.http.host}:${web.port}`,
  )

  return {
    httpPort: web.port,
    adminPort: admin.port,
    tcpPorts: tcp.ports,
    gauges,
    drainRequested,
    async stop() {
      draining = true
      operators?.stop()
      const { delayMs, timeoutMs } = config.drain
      logger.info({ exchanges: web.exchanges, delayMs, timeoutMs }, 'draining')
      // Whoever asks at this port asks for the router that goes on.
      if (config.listen.admin.reusePort) admin.stopListening()
      // Load balancers go on to send until they have asked whether it is ready.
      if (delayMs > 0) await delay(delayMs)
      await Promise.all([web.drain(timeoutMs), tcp.drain(timeoutMs)])
      await stopRouting()
      await admin.close()
      processMetrics.close()
      logger.info({}, 'stopped')
    },
  }
}

/** Around whatever serves a route, policies included, so that a span tells of all of it. */
function traced(
  tracing: Tracing | undefined,
  { name, subject, match }: RouteSpec,
  service: RouteService,
): RouteService {
  if (tracing === undefined) return service
  return { ...service, dispatch: tracing.trace({ name, subject, path: match.path }, service.dispatch) }
}

/** Unique, not secret: a prefix for this process and a counter. */
function createRequestIds(): () => string {
  const prefix = `${randomBytes(6).toString('hex')}-`
  let next = 0
  return () => prefix + (next++).toString(36)
}
