import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, type NatsConnection } from 'nats'
import { collectGarbage } from './collect-garbage.ts'
import type { IdleAnswer, IdleRun } from './idle-clients.ts'

const CONNECTIONS = 15_000
const PROTOCOLS = ['websocket mux', 'websocket rpc', 'websocket stream', 'tcp mux'] as const
const TIMEOUT_MS = 180_000
/** What a process gives back to the system after a collection, it gives back within this. */
const SETTLE_MS = 1500

export interface IdleFigures {
  readonly protocol: IdleRun['protocol']
  readonly connections: number
  /** Of the router's resident memory, after garbage collection, in each of the runs. */
  readonly bytesPerConnection: readonly number[]
  readonly acceptsPerSecond: number
  /** From the kill of the router until all were connected to its successor; of multiplexed WebSockets only. */
  readonly reconnectSeconds?: number
}

/** A router that can be asked to collect its garbage, and be ended and begun again on the same ports. */
export interface IdleRouter {
  readonly pid: number
  readonly webPort: number
  readonly tcpPort: number
  readonly inspectorUrl: string
  restart(): Promise<IdleRouter>
}

export interface IdleOptions {
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number, what: string) => void
}

/** What connections cost that say nothing, and how fast they come. Linux only: it reads /proc. */
export async function measureIdle(
  natsUrl: string,
  startRouter: () => Promise<IdleRouter>,
  { signal, onProgress }: IdleOptions,
): Promise<IdleFigures[]> {
  const client = await connect({ servers: natsUrl, name: 'bench-idle' })
  try {
    const figures: IdleFigures[] = []
    let done = 0
    for (const protocol of PROTOCOLS) {
      const bytesPerConnection: number[] = []
      let acceptsPerSecond = 0
      let reconnectSeconds: number | undefined
      for (const run of [1, 2]) {
        signal.throwIfAborted()
        onProgress(done++, 2 * PROTOCOLS.length, `${CONNECTIONS} idle connections, ${protocol}, run ${run}`)
        const router = await startRouter()
        const port = protocol === 'tcp mux' ? router.tcpPort : router.webPort
        const order = (subject: string) => ask(client, subject, { protocol, port, count: CONNECTIONS })
        // Code is compiled and pools are filled by the first few.
        await ask(client, 'idle.open', { protocol, port, count: 100 })
        const before = await residentBytes(router)
        const { seconds } = await order('idle.open')
        bytesPerConnection.push(Math.round(((await residentBytes(router)) - before) / CONNECTIONS))
        acceptsPerSecond = Math.round(CONNECTIONS / seconds)
        if (protocol === 'websocket mux' && run === 2) {
          const [reopened] = await Promise.all([order('idle.reopen'), router.restart()])
          reconnectSeconds = Math.round(reopened.seconds * 10) / 10
        }
        await order('idle.close')
      }
      figures.push({
        protocol,
        connections: CONNECTIONS,
        bytesPerConnection,
        acceptsPerSecond,
        ...(reconnectSeconds !== undefined && { reconnectSeconds }),
      })
    }
    return figures
  } finally {
    await client.close()
  }
}

async function ask(client: NatsConnection, subject: string, run: IdleRun): Promise<IdleAnswer> {
  const message = await client.request(subject, JSON.stringify(run), { timeout: TIMEOUT_MS })
  const answer = message.json<IdleAnswer>()
  if (answer.error !== undefined) throw new Error(`${subject}: ${answer.error}`)
  return answer
}

async function residentBytes({ pid, inspectorUrl }: IdleRouter): Promise<number> {
  await collectGarbage(inspectorUrl)
  await delay(SETTLE_MS)
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1]) * 1024
}
