import { arch, cpus, platform, totalmem } from 'node:os'
import type { GatewayName } from './gateways.ts'
import type { IdleFigures } from './idle.ts'
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
}

/** The router against the others in the same run; undefined where the other did not run. */
export interface UnaryRatios {
  readonly connections: number
  readonly rpsOfCeiling: number | undefined
  readonly cpuOfCeiling: number | undefined
  readonly rpsOfFastify: number | undefined
}

export type Measured = Pick<BenchReport, 'unary' | 'streams' | 'webSockets' | 'idle'>

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
  const { unary } = measured
  const connections = [...new Set(unary.map((figures) => figures.connections))]
  const ratios = connections.map((count) => ratiosAt(unary, count))
  return { machine, node: process.version, ...settings, ...measured, ratios }
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
