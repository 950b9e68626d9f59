import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type NatsConnection } from 'nats'
import { collectGarbage } from '../../src/bench/collect-garbage.ts'
import { spawnRouter, temporaryDirectory } from '../app/router-process.ts'
import { eventually } from '../support/eventually.ts'
import { natsUrl } from '../support/nats.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startBackends } from './backends.ts'
import { ROUTES, TOKEN_SECRET_FILE } from './routes.ts'
import { Scope } from './scope.ts'
import { TOKEN_SECRET } from './tokens.ts'

/** More than caches and pools of a router that has just begun. */
const MAX_GROWTH_BYTES = 48 * 1024 ** 2
/** What the listener `crowded` takes at a time: few enough for a flood to meet that limit. */
export const CROWD = 200
const WELL_WITHIN_MS = 5_000
const CALM_WITHIN_MS = 40_000
/** All that clients leave behind must be nothing. */
const GAUGES = [
  'exchanges_in_flight',
  'inbox_tokens',
  ...['http', 'ws', 'tcp'].map((kind) => `connections{kind="${kind}"}`),
]

/** A connection that is kept would be left when all others have gone, and may be closed when it is wanted. */
const ONCE = { headers: { connection: 'close' } }

/** Of a router that has collected its garbage. */
export interface Memory {
  /** Objects of JavaScript, and buffers outside of their heap. */
  readonly heldBytes: number
  /** Of the process: with what native code holds, and pages that are free and not given back. */
  readonly residentBytes: number
}

/** A router in a process of its own, with the limits that all have by default, and backends for all that its clients may ask. */
export interface FuzzStage {
  readonly httpPort: number
  readonly adminUrl: string
  /** Ports by what they speak. */
  readonly tcp: {
    readonly mux: number
    readonly lines: number
    readonly proxied: number
    readonly u32: number
    readonly crowded: number
  }
  readonly nats: NatsConnection
  /** Of the backend that nobody trusts. */
  readonly hostileNats: NatsConnection
  /** What a backend answers to whom it does not trust; set by the target that plays it. */
  hostile: HostileBackend | undefined
  /** Requests of hostile clients that came as far as a backend. */
  published: number
  /** Says what is wrong with the router, for all to see: it is gone, not ready, or fails a well-behaved client. */
  complaint(): Promise<string | undefined>
  /** Says what is left of clients that have all gone. */
  leftovers(): Promise<string | undefined>
  memory(): Promise<Memory>
  /** How often clients went over a limit so far, by the name of the limit; `shed`: requests refused for the load. */
  limited(): Promise<Readonly<Record<string, number>>>
}

/** Answers an OPEN on its reply subject. */
export type HostileBackend = (reply: string) => void

/** Nothing is left of it when its owner ends. */
export async function startFuzzStage(owner: Pick<Scope, 'after'>): Promise<FuzzStage> {
  // A test ends first what came first; here each needs those before it.
  const scope = new Scope()
  owner.after(() => scope.end())
  const directory = await temporaryDirectory()
  const database = await createTestDatabase({ migrated: true })
  scope.after(() => database.drop())
  const url = await natsUrl()
  const nats = await connect({ servers: url, maxReconnectAttempts: -1 })
  scope.after(() => nats.close())
  const hostileNats = await connect({ servers: url, maxReconnectAttempts: -1 })
  scope.after(() => hostileNats.close())
  await writeFile(join(directory, 'routes.yaml'), JSON.stringify({ version: 1, routes: ROUTES }))
  await writeFile(join(directory, 'router.yaml'), JSON.stringify(settings(url, database.url)))
  await writeFile(join(directory, TOKEN_SECRET_FILE), TOKEN_SECRET)
  const router = spawnRouter(scope, directory, { NODE_OPTIONS: '--inspect=127.0.0.1:0' })
  let exited: string | undefined
  void router.exitCode.then((code) => {
    exited = `the router ended with ${code}:\n${router.output().slice(-4000)}`
  })
  const listening = await eventually(
    'it listens',
    () => {
      if (exited !== undefined) throw new Error(exited)
      return router.log().find(({ msg }) => msg.startsWith('listening on'))
    },
    { timeoutMs: 20_000 },
  )
  const [mux, lines, proxied, u32, crowded] = listening.tcp as [number, number, number, number, number]
  const adminUrl = `http://127.0.0.1:${listening.admin}`
  const ready = async () => (await fetch(`${adminUrl}/readyz`, ONCE)).status === 200
  await eventually('it is ready', ready, { timeoutMs: 20_000 })

  const violations: string[] = []
  const metrics = async () => {
    const response = await fetch(`${adminUrl}/metrics`, ONCE)
    const text = await response.text()
    if (response.status === 200) return text
    throw new Error(`/metrics: ${response.status} ${text}; the log ends with\n${router.output().slice(-4000)}`)
  }
  const [, inspectorUrl = ''] = /Debugger listening on (ws:\S+)/.exec(router.stderr()) ?? []
  const memory = async () => {
    await collectGarbage(inspectorUrl)
    const text = await metrics()
    return {
      heldBytes: numberIn(text, 'heap_used_bytes') + numberIn(text, 'external_memory_bytes'),
      residentBytes: numberIn(text, 'resident_memory_bytes'),
    }
  }
  const askWell = async (isFirst = true): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${listening.http}/well`, {
      method: 'POST',
      body: 'well?',
      ...ONCE,
      signal: AbortSignal.timeout(WELL_WITHIN_MS),
    })
    const text = await response.text()
    // The machine is busy with more than the fuzzers, which is no fault: it is what such a client does.
    if (response.status === 503 && isFirst) return askWell(false)
    if (response.status !== 200 || text !== 'well?') throw new Error(`${response.status} ${text}`)
  }
  const stage: FuzzStage = {
    httpPort: Number(listening.http),
    adminUrl,
    tcp: { mux, lines, proxied, u32, crowded },
    nats,
    hostileNats,
    hostile: undefined,
    published: 0,
    memory,
    async limited() {
      const text = await metrics()
      const hits = [...text.matchAll(/^engine_router_limited_total\{limit="(\w+)"\} (\d+)$/gm)]
      const counts = hits.map(([, limit, count]) => [limit!, Number(count)] as const)
      return Object.fromEntries([...counts, ['shed', numberIn(text, 'shed_total')]])
    },
    async complaint() {
      if (exited !== undefined) return exited
      if (violations.length > 0) return violations.join('\n')
      try {
        await askWell()
        if (await ready()) return undefined
      } catch (error) {
        const cause = error instanceof Error ? error.cause : undefined
        return `a well-behaved client got ${error} (${cause})\n${exited ?? ''}`
      }
      return 'the router is not ready any more'
    },
    async leftovers() {
      try {
        await eventually('nothing is left', async () => assertCalm(await metrics()), { timeoutMs: CALM_WITHIN_MS })
        const growthBytes = (await memory()).heldBytes - beganWith.heldBytes
        return growthBytes > MAX_GROWTH_BYTES ? `the router has grown by ${growthBytes} bytes` : undefined
      } catch (error) {
        return String(error)
      }
    },
  }
  scope.after(await startBackends(stage, violations))
  await eventually('a well-behaved client', async () => askWell().then(() => true))
  const beganWith = await memory()
  return stage
}

function settings(natsServer: string, databaseUrl: string): object {
  const host = '127.0.0.1'
  return {
    listen: {
      http: { host, port: 0 },
      admin: { port: 0 },
      tcp: [
        { host, port: 0, protocol: 'mux' },
        { host, port: 0, protocol: 'raw', route: 'lines', framing: 'line' },
        { host, port: 0, protocol: 'raw', route: 'lines', framing: 'line', proxyProtocol: true },
        { host, port: 0, protocol: 'raw', route: 'binary', framing: 'u32' },
        { host, port: 0, protocol: 'mux', maxConnections: CROWD },
      ],
    },
    nats: { servers: [natsServer] },
    database: { url: databaseUrl },
    routes: { file: 'routes.yaml' },
    drain: { timeout: '0s' },
  }
}

function assertCalm(text: string): true {
  const left = GAUGES.map((name) => [name, numberIn(text, name)] as const).filter(([, value]) => value !== 0)
  if (left.length > 0) throw new Error(left.map(([name, value]) => `${name} is ${value}`).join(', '))
  return true
}

function numberIn(text: string, name: string): number {
  const start = `engine_router_${name} `
  const line = text.split('\n').find((line) => line.startsWith(start))
  if (line === undefined) throw new Error(`/metrics has no ${start}in\n${text}`)
  return Number(line.slice(start.length))
}
