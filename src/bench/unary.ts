import { cpuTimeUs } from './cpu-time.ts'
import type { Gateway, GatewayName } from './gateways.ts'
import type { Wrk } from './wrk.ts'

/** Medians over the rounds. */
export interface UnaryFigures {
  readonly gateway: GatewayName
  readonly connections: number
  readonly rps: number
  readonly p50Us: number
  readonly p99Us: number
  readonly cpuUsPerRequest: number
}

export interface UnaryOptions {
  readonly connections: readonly number[]
  readonly rounds: number
  readonly seconds: number
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number, what: string) => void
}

const WARM_UP_SECONDS = 2

/**
 * Small requests against each gateway. Machines are noisy: the gateways take turns within each round, and of the rounds
 * the median counts.
 */
export async function measureUnary(
  wrk: Wrk,
  gateways: readonly Gateway[],
  options: UnaryOptions,
): Promise<UnaryFigures[]> {
  const { connections, rounds, seconds, signal, onProgress } = options
  for (const { url, headers } of gateways) await wrk.load(url, 64, WARM_UP_SECONDS, headers)
  const figures: UnaryFigures[] = []
  const total = connections.length * rounds * gateways.length
  let done = 0
  for (const count of connections) {
    const runs = new Map<GatewayName, UnaryFigures[]>(gateways.map(({ name }) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const gateway of gateways) {
        signal.throwIfAborted()
        onProgress(done++, total, `${gateway.name}, ${count} connections`)
        runs.get(gateway.name)!.push(await measureOnce(wrk, gateway, count, seconds))
      }
    }
    for (const list of runs.values()) figures.push(medianOf(list))
  }
  return figures
}

async function measureOnce(wrk: Wrk, gateway: Gateway, connections: number, seconds: number): Promise<UnaryFigures> {
  const cpuBeforeUs = cpuTimeUs(gateway.pid)
  const result = await wrk.load(gateway.url, connections, seconds, gateway.headers)
  const cpuUs = cpuTimeUs(gateway.pid) - cpuBeforeUs
  if (result.errors > 0) throw new Error(`${gateway.name} failed ${result.errors} of ${result.requests} requests`)
  return {
    gateway: gateway.name,
    connections,
    rps: result.requests / result.seconds,
    p50Us: result.p50Us,
    p99Us: result.p99Us,
    cpuUsPerRequest: cpuUs / result.requests,
  }
}

function medianOf(runs: readonly UnaryFigures[]): UnaryFigures {
  const median = (key: 'rps' | 'p50Us' | 'p99Us' | 'cpuUsPerRequest') =>
    runs.map((run) => run[key]).sort((a, b) => a - b)[Math.floor(runs.length / 2)]!
  const { gateway, connections } = runs[0]!
  return {
    gateway,
    connections,
    rps: Math.round(median('rps')),
    p50Us: median('p50Us'),
    p99Us: median('p99Us'),
    cpuUsPerRequest: Math.round(median('cpuUsPerRequest') * 10) / 10,
  }
}
