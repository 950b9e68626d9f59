import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import type { Child } from '../dev/child.ts'
import type { ChildGuard } from '../dev/child-guard.ts'
import { startDevPostgres } from '../dev/postgres.ts'
import { applyRoutesFile, migrate } from '../dev/services.ts'
import type { IdleRouter } from './idle.ts'
import { createIssuer } from './tokens.ts'

const READY_MS = 15_000
const JWKS_FILE = 'jwks.json'

/** A gateway under test: answers `GET url` with what the responder says. */
export interface Gateway {
  readonly name: GatewayName
  readonly url: string
  readonly pid: number
  /** That it is asked with, as `name: value`. */
  readonly headers?: readonly string[]
}

export type GatewayName = 'ceiling' | 'router' | 'fastify' | 'batched' | 'ws' | 'unobserved' | 'traced' | 'policies'

/** A program of this folder: .ts in a checkout, .js when built. */
function startProgram(guard: ChildGuard, name: string, natsUrl: string): Child {
  const file = join(import.meta.dirname, `${name}${extname(import.meta.filename)}`)
  return guard.spawn({ name, command: process.execPath, args: [file], env: { ...process.env, NATS_URL: natsUrl } })
}

export async function startResponder(guard: ChildGuard, natsUrl: string): Promise<void> {
  await startProgram(guard, 'responder', natsUrl).waitForLine(/^ready/, READY_MS)
}

/** What `measureStreams` needs beside the router: who sends, and who receives. */
export async function startStreamPrograms(guard: ChildGuard, natsUrl: string): Promise<void> {
  await startProgram(guard, 'stream-source', natsUrl).waitForLine(/^ready/, READY_MS)
  await startProgram(guard, 'stream-sink', natsUrl).waitForLine(/^ready/, READY_MS)
}

export async function startCeiling(guard: ChildGuard, natsUrl: string): Promise<Gateway> {
  return startOther(guard, natsUrl, 'ceiling', 'ceiling')
}

/** What `measureWebSockets` needs beside the router. */
export async function startWebSocketGateways(guard: ChildGuard, natsUrl: string) {
  await startProgram(guard, 'ws-load', natsUrl).waitForLine(/^ready/, READY_MS)
  const ceiling = await startOther(guard, natsUrl, 'ceiling', 'ws-ceiling')
  const wsRequest = await startOther(guard, natsUrl, 'ws', 'ws-request')
  const batched = await startOther(guard, natsUrl, 'batched', 'ws-ceiling-batched')
  return { ceiling, batched, wsRequest }
}

export async function startFastify(guard: ChildGuard, natsUrl: string): Promise<Gateway> {
  return startOther(guard, natsUrl, 'fastify', 'fastify-gateway')
}

async function startOther(guard: ChildGuard, natsUrl: string, name: GatewayName, program: string): Promise<Gateway> {
  const child = startProgram(guard, program, natsUrl)
  const [, port] = await child.waitForLine(/^ready (\d+)/, READY_MS)
  return { name, url: `http://127.0.0.1:${port}/bench/42`, pid: child.pid! }
}

/** This router as it is served, with a real table of `routes` routes in a Postgres of its own. */
export async function startRouter(guard: ChildGuard, natsUrl: string, routes: number): Promise<Gateway> {
  return serveGateway(guard, await prepareHome(guard, natsUrl, routes), 'router')
}

/** The router with metrics and tracing off, with metrics as it is served, and with a span of every request as well. */
export async function startTelemetryRouters(guard: ChildGuard, natsUrl: string, routes: number): Promise<Gateway[]> {
  const [, port] = await startProgram(guard, 'span-sink', natsUrl).waitForLine(/^ready (\d+)/, READY_MS)
  const home = await prepareHome(guard, natsUrl, routes)
  const traced = { ...home, env: { ...home.env, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` } }
  return [
    await serveGateway(guard, { ...home, program: join('bench', 'unobserved-router') }, 'unobserved'),
    await serveGateway(guard, home, 'router'),
    await serveGateway(guard, traced, 'traced'),
  ]
}

/** Two routes of one router that differ in their policies alone, asked with the same token. */
export async function startPolicyRoutes(guard: ChildGuard, natsUrl: string, routes: number): Promise<Gateway[]> {
  const issuer = createIssuer('ES256')
  const home = await prepareHome(guard, natsUrl, routes)
  const jwk = { ...issuer.publicKey.export({ format: 'jwk' }), kid: 'bench' }
  await writeFile(join(home.directory, JWKS_FILE), JSON.stringify({ keys: [jwk] }))
  const open = {
    ...(await serveGateway(guard, home, 'router')),
    headers: [`authorization: Bearer ${issuer.sign('me')}`],
  }
  return [open, { ...open, name: 'policies', url: open.url.replace('/bench/', '/bench-policies/') }]
}

async function serveGateway(guard: ChildGuard, home: Home, name: GatewayName): Promise<Gateway> {
  const { child, webPort } = await serveFrom(guard, home, { webPort: 0, tcpPort: 0 }, [])
  return { name, url: `http://127.0.0.1:${webPort}/bench/42`, pid: child.pid! }
}

/** Gives a new router for each call; the one before it is ended. */
export async function prepareIdleRouters(guard: ChildGuard, natsUrl: string): Promise<() => Promise<IdleRouter>> {
  await startProgram(guard, 'idle-clients', natsUrl).waitForLine(/^ready/, READY_MS)
  const home = await prepareHome(guard, natsUrl, 10)
  let running: Child | undefined
  const start = async (ports: Ports): Promise<IdleRouter> => {
    running?.signal('SIGKILL')
    await running?.exited
    const { child, webPort, tcpPort } = await serveFrom(guard, home, ports, ['--inspect=127.0.0.1:0'])
    running = child
    const [, inspectorUrl = ''] = await child.waitForLine(/Debugger listening on (ws:\S+)/, READY_MS)
    return { pid: child.pid!, webPort, tcpPort, inspectorUrl, restart: () => start({ webPort, tcpPort }) }
  }
  // Below those that the system gives to clients, of whom many look for one while the router is away.
  const base = 20_000 + Math.floor(Math.random() * 5_000) * 2
  return () => start({ webPort: base, tcpPort: base + 1 })
}

interface Home {
  readonly directory: string
  /** In `src`, without its ending. */
  readonly program: string
  readonly env: NodeJS.ProcessEnv
}

interface Ports {
  readonly webPort: number
  readonly tcpPort: number
}

async function prepareHome(guard: ChildGuard, natsUrl: string, routes: number): Promise<Home> {
  const directory = await mkdtemp(join(tmpdir(), 'engine-router-bench-'))
  const postgres = await startDevPostgres(guard, directory, { temporary: true })
  await migrate(postgres.url)
  await writeFile(join(directory, 'routes.yaml'), createRoutes(routes))
  await applyRoutesFile(postgres.url, 'routes.yaml', directory)
  const env = {
    ...process.env,
    ENGINE_ROUTER_CONFIG: 'router.yaml',
    NATS_URL: natsUrl,
    DATABASE_URL: postgres.url,
    PORT: '',
  }
  return { directory, program: 'main', env }
}

async function serveFrom(guard: ChildGuard, { directory, program, env }: Home, ports: Ports, flags: readonly string[]) {
  const settings = {
    listen: {
      http: { host: '127.0.0.1', port: ports.webPort },
      admin: { port: 0 },
      tcp: [{ host: '127.0.0.1', port: ports.tcpPort, protocol: 'mux' }],
    },
    routes: { cache: 'cache.json' },
    // All of them come from this machine.
    limits: { connectionsPerIp: 100_000 },
  }
  await writeFile(join(directory, 'router.yaml'), JSON.stringify(settings))
  const child = guard.spawn({
    name: 'router',
    command: process.execPath,
    args: [...flags, join(import.meta.dirname, '..', `${program}${extname(import.meta.filename)}`), 'serve'],
    cwd: directory,
    env,
  })
  const line = await child.waitForLine(/"listening on http:/, READY_MS)
  await child.waitForLine(/routing table loaded/, READY_MS)
  const { http, tcp } = JSON.parse(line.input) as { http: number; tcp: number[] }
  return { child, webPort: http, tcpPort: tcp[0]! }
}

/** Of a client that is known: what a limit looks up and counts, and never reaches. */
const POLICIES = [
  { jwt: { jwks: JWKS_FILE, issuer: 'https://bench.example', audience: 'bench', scopes: ['read'] } },
  { rateLimit: { rate: '9999999/s', by: 'subject' } },
]

/** The one that is asked for stands among many that look like it. */
function createRoutes(count: number): string {
  const routes: object[] = []
  for (let i = 1; i < count; i++) {
    const path = [`/service-${i}/{id}`, `/service-${i}/items/{id}/parts/{part}`, `/tenants/{tenant}/service-${i}`][
      i % 3
    ]
    const subject = [`service${i}.{id}`, `service${i}.{id}.{part}`, `service${i}.{tenant}`][i % 3]
    routes.push({ name: `route-${i}`, match: { path, ...(i % 2 === 0 && { methods: ['GET', 'POST'] }) }, subject })
  }
  routes.splice(
    Math.floor(count / 2),
    0,
    { name: 'bench', match: { path: '/bench/{id}' }, subject: 'bench.{id}' },
    { name: 'policies', match: { path: '/bench-policies/{id}' }, subject: 'bench.{id}', policies: POLICIES },
    { name: 'rpc', match: { kind: 'ws', path: '/bench-rpc' }, subject: 'bench.rpc', websocket: 'rpc' },
    { name: 'idle', match: { kind: 'ws', path: '/bench-idle/{id}' }, subject: 'idle.stream.{id}' },
    { name: 'stream', match: { path: '/stream/{chunks}' }, subject: 'stream.{chunks}', body: 'stream' },
  )
  return JSON.stringify({ version: 1, routes })
}
