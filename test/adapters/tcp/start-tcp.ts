import { randomFillSync } from 'node:crypto'
import type { TestContext } from 'node:test'
import { startTcpAdapter, type TcpAdapter, type TcpAdapterOptions } from '../../../src/adapters/tcp/adapter.ts'
import { type RawProtocolOptions, rawProtocol } from '../../../src/adapters/tcp/protocols.ts'
import { DeadlineWheel } from '../../../src/exchange/deadline-wheel.ts'
import type { ErrorCode } from '../../../src/exchange/errors.ts'
import type { Logger } from '../../../src/exchange/logger.ts'
import { NatsLink } from '../../../src/nats/connection.ts'
import { createTransport, type Transport } from '../../../src/nats/transport.ts'
import { createNamedRouting } from '../../../src/routing/dispatch.ts'
import { parseRoute, type RouteDocument } from '../../../src/routing/spec.ts'
import { compileTable } from '../../../src/routing/table.ts'
import { eventually } from '../../support/eventually.ts'
import { natsUrl } from '../../support/nats.ts'
import { silentLogger } from '../../support/silent-logger.ts'
import { type StreamBackend, type StreamHandler, startStreamBackend } from '../../support/stream-backend.ts'

/** One exchange that is over, as the observer was told. */
export interface Ended {
  readonly route: string | undefined
  readonly remote: string
  readonly status: number
  readonly code: ErrorCode | 'ok'
  readonly bytesIn: number
  readonly bytesOut: number
}

/** A raw listener as the router composes it, on real NATS, with a backend of SX/1 behind its route. */
export interface RawTcp {
  readonly adapter: TcpAdapter
  readonly port: number
  readonly subject: string
  readonly backend: StreamBackend
  readonly transport: Transport
  readonly wheel: DeadlineWheel
  readonly ended: Ended[]
  readonly warnings: string[]
  /** Fails unless every map is empty, which it waits for. */
  assertIdle(): Promise<void>
}

export interface RawTcpOptions
  extends Partial<Pick<TcpAdapterOptions, 'tls' | 'certificatePollMs' | 'proxyProtocol' | 'maxConnections'>>,
    Partial<Pick<RawProtocolOptions, 'framing' | 'idleTimeoutMs'>> {
  readonly route?: Partial<RouteDocument>
  /** The name that the listener asks for. */
  readonly routeName?: string
  readonly handler?: StreamHandler
}

let next = 0

/** Ends with the test. */
export async function startRawTcp(t: TestContext, options: RawTcpOptions = {}): Promise<RawTcp> {
  const url = await natsUrl()
  const subject = `tcp${process.pid}.${next++}`
  const backend = await startStreamBackend(url)
  if (options.handler !== undefined) backend.handle(subject, options.handler)
  await backend.nats.flush()
  const link = new NatsLink({ servers: [url], name: 'test tcp', logger: silentLogger })
  const wheel = new DeadlineWheel()
  const transport = createTransport({
    link,
    wheel,
    inboxPrefix: '_INBOX',
    randomFill: randomFillSync,
    random: Math.random,
  })
  const parsed = parseRoute({ name: 'shell', match: { kind: 'tcp' }, subject, ...options.route })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  const table = compileTable([parsed.spec], {
    revision: 1,
    dispatch: transport.dispatchFor,
    defaultMaxBodyBytes: 1024 * 1024,
  })
  const ended: Ended[] = []
  const warnings: string[] = []
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) }
  const routeName = options.routeName ?? 'shell'
  const adapter = await startTcpAdapter({
    host: '127.0.0.1',
    port: 0,
    tls: options.tls,
    certificatePollMs: options.certificatePollMs,
    proxyProtocol: options.proxyProtocol ?? false,
    maxConnections: options.maxConnections ?? 10_000,
    wheel,
    logger,
    protocol: rawProtocol({
      route: routeName,
      resolve: createNamedRouting(() => table, routeName).resolve,
      framing: options.framing ?? 'none',
      idleTimeoutMs: options.idleTimeoutMs ?? 0,
      wheel,
      observer: {
        begun() {},
        ended({ route, remote }, status, error, _durationMs, bytesIn, bytesOut) {
          ended.push({ route: route?.name, remote, status, code: error?.code ?? 'ok', bytesIn, bytesOut })
        },
      },
      makeRequestId: () => `tcp-${next++}`,
      logger,
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
  return {
    adapter,
    port: adapter.port,
    subject,
    backend,
    transport,
    wheel,
    ended,
    warnings,
    async assertIdle() {
      const size = () => transport.size + adapter.connections + wheel.size + backend.open
      await eventually('every map is empty', () => size() === 0).catch((error) => {
        throw new Error(
          `exchanges ${transport.size}, connections ${adapter.connections}, deadlines ${wheel.size}, streams ${backend.open}`,
          { cause: error },
        )
      })
    },
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
