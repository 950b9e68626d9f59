import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { listenerUrl } from '../cli/listener-url.ts'
import { type Io, VerbError } from '../cli/verb.ts'
import { DEFAULT_CONFIG_FILE, loadConfig } from '../config/load.ts'
import type { Child } from './child.ts'
import type { ChildGuard } from './child-guard.ts'
import { announceDevServers } from './dev-servers.ts'
import { assertPortFree, findFreePort } from './ports.ts'
import type { Progress } from './progress.ts'
import { createRouterDocument, DEFAULT_ROUTES_FILE, MUX_HOST } from './router-document.ts'
import { applyRoutesFile, migrate, provideNats, providePostgres, spareOthersRoutes, startBackend } from './services.ts'

const ROUTER_READY_MS = 30_000
const POLL_MS = 50
/** Or the next that is free: on macOS another program has this one. */
const MUX_PORT = 7000
const ALL_ADDRESSES = ['0.0.0.0', '::']

export interface SessionOptions {
  /** File of settings; undefined: that of the environment, or the usual one. */
  readonly config: string | undefined
  readonly port: number | undefined
  readonly adminPort: number | undefined
  readonly logLevel: string | undefined
  readonly backend: boolean
}

/** All that runs, once it is ready. */
export interface Session {
  readonly url: string
  readonly adminUrl: string
  /** Other machines reach it too. */
  readonly isOnAllAddresses: boolean
  /** Clients have to show a certificate. */
  readonly wantsCertificates: boolean
  /** Of multiplexed TCP connections; undefined: the user's settings have TCP listeners, and none of those without TLS. */
  readonly mux: { readonly host: string; readonly port: number } | undefined
  /** Of the server that we started; undefined: `NATS_URL` names another, maybe with a password. */
  readonly natsUrl: string | undefined
  readonly routesFile: string
  readonly backend: Child | undefined
  /** Without these nothing works: the router, and the servers that we started. */
  readonly vital: readonly Child[]
}

/**
 * Starts everything in order and waits until the router is ready. What it started is `guard`'s to stop, which does so in
 * reverse: the router drains while all that it needs is there.
 */
export async function startSession(
  options: SessionOptions,
  io: Io,
  guard: ChildGuard,
  progress: Progress,
): Promise<Session> {
  const { env, cwd, signal } = io
  const flags = { config: options.config, port: options.port?.toString(), logLevel: options.logLevel }
  const config = await loadConfig({ flags, env, cwd })
  const { http, tcp } = config.listen
  const admin = { ...config.listen.admin, port: options.adminPort ?? config.listen.admin.port }
  const routesFile = config.routes.file ?? DEFAULT_ROUTES_FILE
  await assertPortFree(http.port, http.host, '--port')
  await assertPortFree(admin.port, admin.host, '--admin-port')
  const ownMuxPort = tcp.length > 0 ? undefined : await findFreePort(MUX_PORT, MUX_HOST)
  const mux =
    ownMuxPort === undefined
      ? tcp.find(({ protocol, tls }) => protocol === 'mux' && tls === undefined)
      : { host: MUX_HOST, port: ownMuxPort }
  const dataDirectory = join(cwd, '.data')
  await mkdir(dataDirectory, { recursive: true })

  /** Between two steps Ctrl-C takes effect; each step is short. */
  const step: Progress['step'] = async (...args) => {
    signal.throwIfAborted()
    return progress.step(...args)
  }
  const nats = await step(
    'nats-server',
    () => provideNats(guard, env, progress.say),
    ({ description }) => description,
  )
  const postgres = await step(
    'Postgres',
    () => providePostgres(guard, env, dataDirectory),
    ({ description }) => description,
  )
  if (postgres.child === undefined) await spareOthersRoutes(postgres.url, routesFile, io, progress.say)
  await step('migrations', () => migrate(postgres.url), String)
  await step('routes', () => applyRoutesFile(postgres.url, routesFile, cwd), String)
  const backend = options.backend
    ? await step(
        'demo backend',
        () => startBackend(guard, nats.url, env),
        ({ pid }) => `pid ${pid}`,
      )
    : undefined

  announceDevServers(cwd, { pid: process.pid, natsUrl: nats.url, databaseUrl: postgres.url })
  const routerFile = join(dataDirectory, 'router.yaml')
  const userFile = resolve(cwd, options.config ?? (env.ENGINE_ROUTER_CONFIG || DEFAULT_CONFIG_FILE))
  await writeFile(
    routerFile,
    await createRouterDocument(userFile, { port: http.port, adminPort: admin.port, muxPort: ownMuxPort }),
    { mode: 0o600 },
  )
  // It may be of an earlier release, and holds what the user's own file does.
  await chmod(routerFile, 0o600)
  const routerEnv = {
    ...env,
    ENGINE_ROUTER_CONFIG: routerFile,
    NATS_URL: nats.url,
    DATABASE_URL: postgres.url,
    PORT: String(http.port),
    LOG_LEVEL: config.log.level,
  }
  const adminUrl = listenerUrl(admin).origin
  const url = listenerUrl(http).origin
  const router = await step(
    'router',
    () => startRouter(guard, routerEnv, adminUrl, io),
    () => url,
  )
  if (ownMuxPort !== undefined && ownMuxPort !== MUX_PORT) {
    progress.say(`${MUX_PORT} is taken: TCP clients connect to ${MUX_HOST}:${ownMuxPort}`)
  }
  const vital = [router, nats.child, postgres.child].filter((child) => child !== undefined)
  return {
    url,
    adminUrl,
    isOnAllAddresses: ALL_ADDRESSES.includes(http.host),
    wantsCertificates: http.tls?.clientAuth === 'require',
    mux: mux && { host: listenerUrl(mux).hostname.replaceAll(/[[\]]/g, ''), port: mux.port },
    natsUrl: nats.child && nats.url,
    routesFile,
    backend,
    vital,
  }
}

/** As the router logs it. */
const SETTINGS_LINE = '"msg":"configuration"'

/** Starts the router and waits until its readiness says so. Its log goes to our output. */
async function startRouter(guard: ChildGuard, env: NodeJS.ProcessEnv, adminUrl: string, io: Io): Promise<Child> {
  const router = guard.spawn({
    name: 'router',
    command: process.execPath,
    // Beside this folder: main.ts in a checkout, main.js when built.
    args: [join(import.meta.dirname, '..', `main${extname(import.meta.filename)}`), 'serve'],
    cwd: io.cwd,
    env,
    // Its settings are what is written here, and would be most of what is seen.
    onLine: (line) => void (line.includes(SETTINGS_LINE) || io.stdout.write(`${line}\n`)),
  })
  const ended = router.exited.then((exit) => {
    throw new VerbError(router.describe(exit))
  })
  const deadlineMs = performance.now() + ROUTER_READY_MS
  while (!(await Promise.race([isOk(`${adminUrl}/readyz`), ended]))) {
    io.signal.throwIfAborted()
    if (performance.now() > deadlineMs) {
      throw new VerbError(
        `the router is not ready after ${ROUTER_READY_MS / 1000} s; its log is above, and ${adminUrl}/readyz says why`,
      )
    }
    await Promise.race([delay(POLL_MS), ended])
  }
  return router
}

async function isOk(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
    (response) => response.ok,
    () => false,
  )
}
