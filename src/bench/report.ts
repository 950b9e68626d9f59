import { arch, cpus, platform, totalmem } from 'node:os'
import type { GatewayName } from './gateways.ts'
import type { IdleFigures } from './idle.ts'
import type { SignatureFigures } from './signatures.ts'
import type { StreamFigures } from './streams.ts'
import type { UnaryFigures } from './unary.ts'
import type { WebSocketFigures } from './websockets.ts'

export interface BenchReport {
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGiB: number; readonly os: string }
  readonly node: string
  readonly routes: number
  readonly rounds: number
  readonly seconds: number
  readonly unary: readonly UnaryFigures[]
  readonly ratios: readonly UnaryRatios[]
  readonly streams: readonly StreamFigures[]
  readonly webSockets: readonly WebSocketFigures[]
  readonly idle: readonly IdleFigures[]
  readonly telemetry: readonly UnaryFigures[]
  readonly telemetryCost: TelemetryCost | undefined
  readonly policies: readonly UnaryFigures[]
  readonly policyCost: PolicyCost | undefined
  readonly signatures: readonly SignatureFigures[]
}

/** The router against the others in the same run; undefined where the other did not run. */
export interface UnaryRatios {
  readonly connections: number
  readonly rpsOfCeiling: number | undefined
  readonly cpuOfCeiling: number | undefined
  readonly rpsOfFastify: number | undefined
}

/** Parts of the rate without metrics and tracing, from 0 to 1, and what they may be at most. */
export interface TelemetryCost {
  /** Metrics on, tracing off. */
  readonly metrics: number
  readonly metricsBar: number
  /** Metrics on, and every request sampled. */
  readonly sampled: number
  readonly sampledBar: number
}

/** Of `jwt` with a token that is known, and `rateLimit`: part of the rate without them, from 0 to 1, and its bar. */
export interface PolicyCost {
  readonly rate: number
  readonly bar: number
}

export type Measured = Pick<
  BenchReport,
  'unary' | 'streams' | 'webSockets' | 'idle' | 'telemetry' | 'policies' | 'signatures'
>

export function createReport(
  measured: Measured,
  settings: { readonly routes: number; readonly rounds: number; readonly seconds: number },
): BenchReport {
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${platform()} ${arch()}`,
  }
  const { unary, telemetry, policies } = measured
  const connections = [...new Set(unary.map((figures) => figures.connections))]
  const ratios = connections.map((count) => ratiosAt(unary, count))
  const costs = { telemetryCost: telemetryCostIn(telemetry), policyCost: policyCostIn(policies) }
  return { machine, node: process.version, ...settings, ...measured, ratios, ...costs }
}

function ratiosAt(unary: readonly UnaryFigures[], connections: number): UnaryRatios {
  const of = (gateway: GatewayName) =>
    unary.find((figures) => figures.gateway === gateway && figures.connections === connections)
  const router = of('router')
  const ratio = (other: GatewayName, key: 'rps' | 'cpuUsPerRequest') => {
    const mine = router?.[key]
    const theirs = of(other)?.[key]
    return mine === undefined || theirs === undefined ? undefined : Math.round((mine / theirs) * 100) / 100
  }
  return {
    connections,
    rpsOfCeiling: ratio('ceiling', 'rps'),
    cpuOfCeiling: ratio('ceiling', 'cpuUsPerRequest'),
    rpsOfFastify: ratio('fastify', 'rps'),
  }
}

function telemetryCostIn(telemetry: readonly UnaryFigures[]): TelemetryCost | undefined {
  const rps = (name: GatewayName) => telemetry.find(({ gateway }) => gateway === name)?.rps
  const [bare, observed, traced] = [rps('unobserved'), rps('router'), rps('traced')]
  if (bare === undefined || observed === undefined || traced === undefined) return undefined
  const cost = (withIt: number) => Math.round((1 - withIt / bare) * 100) / 100
  return { metrics: cost(observed), metricsBar: 0.1, sampled: cost(traced), sampledBar: 0.25 }
}

function policyCostIn(policies: readonly UnaryFigures[]): PolicyCost | undefined {
  const rps = (name: GatewayName) => policies.find(({ gateway }) => gateway === name)?.rps
  const [without, withThem] = [rps('router'), rps('policies')]
  if (without === undefined || withThem === undefined) return undefined
  return { rate: Math.round((1 - withThem / without) * 100) / 100, bar: 0.25 }
}

export const UNARY_HEAD = ['connections', 'gateway', 'requests/s', 'p50', 'p99', 'CPU/request', 'of the ceiling']

/** Rows for a table under `UNARY_HEAD`. */
export function unaryRows({ unary }: BenchReport): string[][] {
  return unary.map((figures) => {
    const ceiling = unary.find(({ gateway, connections }) => {
      return gateway === 'ceiling' && connections === figures.connections
    })
    const share = ceiling === undefined ? '' : `${Math.round((figures.rps / ceiling.rps) * 100)}%`
    return [
      String(figures.connections),
      figures.gateway,
      figures.rps.toLocaleString('en'),
      formatUs(figures.p50Us),
      formatUs(figures.p99Us),
      `${figures.cpuUsPerRequest.toFixed(1)} us`,
      share,
    ]
  })
}

export const TELEMETRY_HEAD = ['router with', 'requests/s', 'p50', 'p99', 'CPU/request']

const TELEMETRY: Partial<Record<GatewayName, string>> = {
  unobserved: 'neither',
  router: 'metrics',
  traced: 'metrics, every request traced',
}

/** Rows for a table under `TELEMETRY_HEAD`. */
export function telemetryRows({ telemetry }: BenchReport): string[][] {
  return rowsOf(telemetry, TELEMETRY)
}

export const POLICIES_HEAD = ['route with', 'requests/s', 'p50', 'p99', 'CPU/request']

const POLICIES: Partial<Record<GatewayName, string>> = { router: 'neither', policies: 'jwt and rateLimit' }

/** Rows for a table under `POLICIES_HEAD`. */
export function policyRows({ policies }: BenchReport): string[][] {
  return rowsOf(policies, POLICIES)
}

function rowsOf(figures: readonly UnaryFigures[], names: Partial<Record<GatewayName, string>>): string[][] {
  return figures.map(({ gateway, rps, p50Us, p99Us, cpuUsPerRequest }) => [
    names[gateway] ?? gateway,
    rps.toLocaleString('en'),
    formatUs(p50Us),
    formatUs(p99Us),
    `${cpuUsPerRequest.toFixed(1)} us`,
  ])
}

export const WEB_SOCKETS_HEAD = [
  'in flight',
  'gateway',
  'protocol',
  'requests/s',
  'p50',
  'p99',
  'CPU/request',
  'of the ceiling',
]

const WEB_SOCKET_GATEWAYS: Partial<Record<GatewayName, string>> = {
  batched: 'ceiling, batched',
  ws: 'ws + nc.request',
}

/** Rows for a table under `WEB_SOCKETS_HEAD`. */
export function webSocketRows({ webSockets }: BenchReport): string[][] {
  return webSockets.map((figures) => {
    const ceiling = webSockets.find(({ gateway, inFlight }) => gateway === 'ceiling' && inFlight === figures.inFlight)!
    return [
      `${figures.connections} x ${figures.inFlight}`,
      WEB_SOCKET_GATEWAYS[figures.gateway] ?? figures.gateway,
      figures.protocol,
      figures.rps.toLocaleString('en'),
      formatUs(figures.p50Us),
      formatUs(figures.p99Us),
      `${figures.cpuUsPerRequest.toFixed(1)} us`,
      `${Math.round((figures.rps / ceiling.rps) * 100)}%`,
    ]
  })
}

export const IDLE_HEAD = ['idle connections', 'protocol', 'memory each', 'accepted', 'all back after a kill']

/** Rows for a table under `IDLE_HEAD`. */
export function idleRows({ idle }: BenchReport): string[][] {
  return idle.map(({ connections, protocol, bytesPerConnection, acceptsPerSecond, reconnectSeconds }) => [
    connections.toLocaleString('en'),
    protocol,
    bytesPerConnection.map((bytes) => `${(bytes / 1024).toFixed(1)} KiB`).join(', '),
    `${acceptsPerSecond.toLocaleString('en')}/s`,
    reconnectSeconds === undefined ? '' : `${reconnectSeconds} s`,
  ])
}

export const STREAMS_HEAD = ['streams', 'of', 'messages', 'MB/s', 'CPU/GB', 'of raw']

/** Rows for a table under `STREAMS_HEAD`; the first row is what the others are compared to. */
export function streamRows({ streams }: BenchReport): string[][] {
  return streams.map(({ streams: count, name, messageBytes, megabytesPerSecond, cpuMsPerGigabyte }) => [
    String(count),
    name === 'raw' ? 'publish, subscribe' : 'the router',
    `${messageBytes / 1024} KiB`,
    String(megabytesPerSecond),
    cpuMsPerGigabyte === undefined ? '' : `${cpuMsPerGigabyte} ms`,
    `${Math.round((megabytesPerSecond / streams[0]!.megabytesPerSecond) * 100)}%`,
  ])
}

function formatUs(us: number): string {
  return us < 1000 ? `${us} us` : `${(us / 1000).toFixed(2)} ms`
}
