import { randomFillSync } from 'node:crypto'
import type { TestContext } from 'node:test'
import { createMux } from '../../../src/adapters/mux/mux.ts'
import {
  startTcpAdapter,
  type TcpAdapter,
  type TcpAdapterOptions,
  type TcpProtocol,
} from '../../../src/adapters/tcp/adapter.ts'
import { muxProtocol, type RawProtocolOptions, rawProtocol } from '../../../src/adapters/tcp/protocols.ts'
import { BufferBudget } from '../../../src/exchange/buffer-budget.ts'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import type { ErrorCode } from '../../../src/exchange/errors.ts'
import type { Limit } from '../../../src/exchange/limit.ts'
import type { Logger } from '../../../src/exchange/logger.ts'
import type { ExchangeObserver } from '../../../src/exchange/observer.ts'
import { NatsLink } from '../../../src/nats/connection.ts'
import { createTransport, type Transport } from '../../../src/nats/transport.ts'
import { createNamedRouting, createRouting } from '../../../src/routing/dispatch.ts'
import { parseRoute, type RouteDocument } from '../../../src/routing/spec.ts'
import { compileTable, type RouteTable } from '../../../src/routing/table.ts'
import { eventually } from '../../support/eventually.ts'
import { natsUrl } from '../../support/nats.ts'
import { silentLogger } from '../../support/silent-logger.ts'
import { type StreamBackend, type StreamHandler, startStreamBackend } from '../../support/stream-backend.ts'
import { unlimitedConnections } from '../../support/unlimited.ts'

/** One exchange that is over, as the observer was told. */
export interface Ended {
  readonly route: string | undefined
  readonly remote: string
  /** The common name of its certificate. */
  readonly client: string | undefined
  readonly status: number
  readonly code: ErrorCode | 'ok'
  readonly bytesIn: number
  readonly bytesOut: number
}

/** A listener as the router composes it, on real NATS, with a backend of SX/1. */
export interface TestTcp {
  readonly adapter: TcpAdapter
  readonly port: number
  readonly backend: StreamBackend
  readonly transport: Transport
  readonly wheel: DeadlineWheel
  readonly ended: Ended[]
  /** Those that clients ran into. */
  readonly limited: Limit[]
  readonly warnings: string[]
  /** Fails unless every map is empty, which it waits for. */
  assertIdle(): Promise<void>
  /** As `assertIdle`, of the router alone: a test's backend, which never pings, may not hear of an end at once. */
  assertRouterIdle(): Promise<void>
}

interface ListenerOptions
  extends Partial<
    Pick<TcpAdapterOptions, 'tls' | 'certificatePollMs' | 'proxyProtocol' | 'maxConnections' | 'limits'>
  > {
  /** The wheel's clock. */
  readonly now?: () => number
}

export interface RawTcpOptions extends ListenerOptions, Partial<Pick<RawProtocolOptions, 'framing' | 'idleTimeoutMs'>> {
  readonly route?: Partial<RouteDocument>
  /** The name that the listener asks for. */
  readonly routeName?: string
  readonly handler?: StreamHandler
}

let next = 0

/** One raw listener and its route. Ends with the test. */
export async function startRawTcp(
  t: TestContext,
  options: RawTcpOptions = {},
): Promise<TestTcp & { readonly subject: string }> {
  const subject = `tcp${process.pid}.${next++}`
  const { routeName = 'shell', framing = 'none', idleTimeoutMs = 0 } = options
  const routes = [{ name: 'shell', match: { kind: 'tcp' as const }, subject, ...options.route }]
  const tcp = await startTcp(t, options, routes, (table, shared) => {
    const { resolve } = createNamedRouting(table, routeName)
    return rawProtocol({ ...shared, route: routeName, resolve, framing, idleTimeoutMs })
  })
  if (options.handler !== undefined) {
    await tcp.backend.handle(subject, options.handler)
    await tcp.backend.nats.flush()
  }
  return { ...tcp, subject }
}

/** One mux listener. Ends with the test. */
export function startMuxTcp(
  t: TestContext,
  routes: readonly RouteDocument[],
  options: ListenerOptions = {},
): Promise<TestTcp> {
  return startTcp(t, options, routes, (table, shared) => {
    const routing = createRouting(table)
    const connect = createMux({
      buffers: new BufferBudget(),
      ...shared,
      routing,
      maxHeaderBytes: 16 * 1024,
      maxUriBytes: 8 * 1024,
      messageRate: { messagesPerSecond: 0, bytesPerSecond: 0 },
    })
    return muxProtocol({ ...shared, connect })
  })
}

type Shared = Pick<
  RawProtocolOptions,
  'wheel' | 'observer' | 'limitObserver' | 'stallTimeoutMs' | 'makeRequestId' | 'logger'
>

async function startTcp(
  t: TestContext,
  options: ListenerOptions,
  routes: readonly RouteDocument[],
  protocol: (table: () => RouteTable, shared: Shared) => TcpProtocol,
): Promise<TestTcp> {
  const url = await natsUrl()
  const backend = await startStreamBackend(url)
  const link = new NatsLink({ servers: [url], name: 'test tcp', logger: silentLogger })
  const wheel = new DeadlineWheel(options.now === undefined ? {} : { now: options.now })
  const transport = createTransport({
    link,
    wheel,
    inboxPrefix: '_INBOX',
    randomFill: randomFillSync,
    random: Math.random,
  })
  const specs = routes.map((document) => {
    const parsed = parseRoute(document)
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
    return parsed.spec
  })
  const table = compileTable(specs, {
    revision: 1,
    dispatch: transport.dispatchFor,
    defaultMaxBodyBytes: 1024 * 1024,
  })
  const ended: Ended[] = []
  const limited: Limit[] = []
  const limitObserver = { onLimit: (limit: Limit) => void limited.push(limit) }
  const warnings: string[] = []
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) }
  const observer: ExchangeObserver = {
    begun() {},
    refused() {},
    ended({ route, remote, certificate }, status, error, _durationMs, bytesIn, bytesOut) {
      const client = certificate?.commonName
      ended.push({ route: route?.name, remote, client, status, code: error?.code ?? 'ok', bytesIn, bytesOut })
    },
  }
  const adapter = await startTcpAdapter({
    host: '127.0.0.1',
    port: 0,
    tls: options.tls,
    certificatePollMs: options.certificatePollMs,
    proxyProtocol: options.proxyProtocol ?? false,
    maxConnections: options.maxConnections ?? 10_000,
    limits: options.limits ?? unlimitedConnections(),
    observer: limitObserver,
    wheel,
    logger,
    protocol: protocol(() => table, {
      wheel,
      limitObserver,
      stallTimeoutMs: 30_000,
      observer,
      logger,
      makeRequestId: () => `tcp-${next++}`,
    }),
  })
  t.after(async () => {
    adapter.close()
    await link.close()
    await backend.close()
    wheel.stop()
  })
  link.start()
  await eventually('connected to NATS', () => link.connected)
  const assertEmpty = async (size: () => number) => {
    try {
      await eventually('every map is empty', () => size() === 0)
    } catch (cause) {
      const { connections } = adapter
      const left = { exchanges: transport.size, connections, deadlines: wheel.size, streams: backend.open }
      throw new Error(`not released: ${JSON.stringify(left)}`, { cause })
    }
  }
  return {
    adapter,
    port: adapter.port,
    backend,
    transport,
    wheel,
    ended,
    limited,
    warnings,
    assertRouterIdle: () => assertEmpty(() => transport.size + adapter.connections + wheel.size),
    assertIdle: () => assertEmpty(() => transport.size + adapter.connections + wheel.size + backend.open),
  }
}

/** Answers each chunk with itself, with its backpressure, and ends when the client does. */
export const echo: StreamHandler = (stream) => {
  stream.accept(1, 64 * 1024)
  stream.head({ status: 200, headers: [] })
  return {
    data: (chunk, meta) => stream.data(chunk, meta),
    end: () => stream.end(),
    drained: () => stream.drained(),
  }
}
