import { connect } from 'nats'
import { cpuTimeUs } from './cpu-time.ts'
import type { Gateway, GatewayName } from './gateways.ts'
import { medianBy } from './median.ts'
import type { LoadAnswer, LoadRun } from './ws-load.ts'

const CONNECTIONS = 64
const IN_FLIGHT = [1, 16]

/** Medians over the rounds. */
export interface WebSocketFigures {
  readonly gateway: GatewayName
  readonly protocol: 'messages' | 'rpc' | 'mux, binary' | 'mux, JSON'
  readonly connections: number
  /** On each connection. */
  readonly inFlight: number
  readonly rps: number
  readonly p50Us: number
  readonly p99Us: number
  readonly cpuUsPerRequest: number
}

export interface WebSocketOptions {
  readonly rounds: number
  readonly seconds: number
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number, what: string) => void
}

export interface WebSocketGateways {
  readonly ceiling: Gateway
  readonly batched: Gateway
  readonly router: Gateway
  readonly wsRequest: Gateway
}

interface Subject {
  readonly gateway: Gateway
  readonly protocol: WebSocketFigures['protocol']
  readonly inFlight: number
  readonly run: LoadRun
}

/** Small requests over WebSockets. The gateways take turns within each round, and of the rounds the median counts. */
export async function measureWebSockets(
  natsUrl: string,
  gateways: WebSocketGateways,
  options: WebSocketOptions,
): Promise<WebSocketFigures[]> {
  const { rounds, signal, onProgress } = options
  const client = await connect({ servers: natsUrl, name: 'bench-websockets' })
  try {
    const subjects = IN_FLIGHT.flatMap((inFlight) => createSubjects(gateways, inFlight, options.seconds))
    const measure = async ({ gateway, protocol, inFlight, run }: Subject): Promise<WebSocketFigures> => {
      const cpuBeforeUs = cpuTimeUs(gateway.pid)
      const timeout = (run.seconds + 30) * 1000
      const message = await client.request('load.run', JSON.stringify(run), { timeout })
      const answer = message.json<LoadAnswer & { error?: string }>()
      if (answer.error !== undefined) throw new Error(`${gateway.name}, ${protocol}: ${answer.error}`)
      const { replies, seconds, p50Us, p99Us } = answer
      // The load before the count begins takes CPU too: as much a second.
      const cpuUs = ((cpuTimeUs(gateway.pid) - cpuBeforeUs) * seconds) / (seconds + WARM_UP_SECONDS)
      return {
        gateway: gateway.name,
        protocol,
        connections: CONNECTIONS,
        inFlight,
        rps: replies / seconds,
        p50Us,
        p99Us,
        cpuUsPerRequest: cpuUs / replies,
      }
    }
    const runs = subjects.map((): WebSocketFigures[] => [])
    const total = rounds * subjects.length
    for (let round = 0; round < rounds; round++) {
      for (const [i, subject] of subjects.entries()) {
        signal.throwIfAborted()
        const { gateway, protocol, inFlight } = subject
        onProgress(round * subjects.length + i, total, `${gateway.name}, ${protocol}, ${inFlight} in flight`)
        runs[i]!.push(await measure(subject))
      }
    }
    return runs.map((list) => round(medianBy(list, ({ rps }) => rps)))
  } finally {
    await client.close()
  }
}

/** See ws-load.ts. */
const WARM_UP_SECONDS = 0.5

function createSubjects(gateways: WebSocketGateways, inFlight: number, seconds: number): Subject[] {
  const subject = (
    gateway: Gateway,
    protocol: WebSocketFigures['protocol'],
    path: string,
    wire: LoadRun['protocol'],
  ): Subject => {
    const port = Number(new URL(gateway.url).port)
    return {
      gateway,
      protocol,
      inFlight,
      run: { port, path, protocol: wire, connections: CONNECTIONS, inFlight, seconds },
    }
  }
  const { ceiling, batched, router, wsRequest } = gateways
  return [
    subject(ceiling, 'messages', '/', 'message'),
    subject(batched, 'messages', '/', 'message'),
    subject(router, 'rpc', '/bench-rpc', 'message'),
    subject(router, 'mux, binary', '/_sx', 'sx.v1.bin'),
    subject(router, 'mux, JSON', '/_sx', 'sx.v1.json'),
    subject(wsRequest, 'messages', '/', 'message'),
  ]
}

function round(figures: WebSocketFigures): WebSocketFigures {
  const { rps, cpuUsPerRequest } = figures
  return { ...figures, rps: Math.round(rps), cpuUsPerRequest: Math.round(cpuUsPerRequest * 10) / 10 }
}
