import { mkdir, writeFile } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Io, VerbError } from '../cli/verb.ts'
import { DEFAULT_CONFIG_FILE, loadConfig } from '../config/load.ts'
import { hidePassword } from '../config/router-config.ts'
import { openDatabase } from '../store/database.ts'
import { migrateUp } from '../store/migrations.ts'
import { createLogger } from '../telemetry/log.ts'
import type { Child } from './child.ts'
import type { ChildGuard } from './child-guard.ts'
import { ensureNatsServer, startNatsServer } from './nats-server.ts'
import { assertPortFree, isPortFree } from './ports.ts'
import { startDevPostgres } from './postgres.ts'
import type { Progress } from './progress.ts'
import { createRouterDocument } from './router-document.ts'

const NATS_PORT = 4222
const BACKEND_READY_MS = 10_000
const ROUTER_READY_MS = 30_000
const POLL_MS = 50
/** The programs beside this folder: main.ts in a checkout, main.js when built. */
const EXTENSION = extname(import.meta.filename)

export interface SessionOptions {
  readonly port: number | undefined
  readonly adminPort: number | undefined
  readonly logLevel: string | undefined
  readonly backend: boolean
}

/** All that runs, once it is ready. */
export interface Session {
  readonly url: string
  readonly adminUrl: string
  readonly natsUrl: string
  readonly routesFile: string
  readonly router: Child
  readonly backend: Child | undefined
  /** Without these nothing works: the router, and the servers that we started. */
  readonly vital: readonly Child[]
}

/** Starts everything in order and waits until the router is ready. What it started is `guard`'s to stop. */
export async function startSession(
  options: SessionOptions,
  io: Io,
  guard: ChildGuard,
  progress: Progress,
): Promise<Session> {
  const { env, cwd, signal } = io
  const config = await loadConfig({ flags: { port: options.port?.toString(), logLevel: options.logLevel }, env, cwd })
  const { http, admin } = config.listen
  const adminPort = options.adminPort ?? admin.port
  await assertPortFree(http.port, http.host, '--port')
  await assertPortFree(adminPort, admin.host, '--admin-port')
  const dataDirectory = join(cwd, '.data')
  await mkdir(dataDirectory, { recursive: true })

  const nats = await progress.step(
    'nats-server',
    () => provideNats(guard, env, progress),
    ({ url }) => url,
  )
  signal.throwIfAborted()
  const postgres = await progress.step(
    'postgres',
    () => providePostgres(guard, env, dataDirectory),
    ({ url }) => hidePassword(url),
  )
  signal.throwIfAborted()
  await progress.step(
    'migrations',
    () => migrate(postgres.url),
    (applied) => applied || 'up to date',
  )
  signal.throwIfAborted()

  const backend = options.backend
    ? await progress.step(
        'demo backend',
        () => startBackend(guard, nats.url, env),
        ({ pid }) => `pid ${pid}`,
      )
    : undefined
  signal.throwIfAborted()

  const userFile = resolve(cwd, env.ENGINE_ROUTER_CONFIG || DEFAULT_CONFIG_FILE)
  const routerFile = join(dataDirectory, 'router.yaml')
  await writeFile(routerFile, await createRouterDocument(userFile, { port: http.port, adminPort }))
  const url = `http://127.0.0.1:${http.port}`
  const adminUrl = `http://127.0.0.1:${adminPort}`
  const router = await progress.step(
    'router',
    async () => {
      const child = guard.spawn({
        name: 'router',
        command: process.execPath,
        args: [join(import.meta.dirname, '..', `main${EXTENSION}`), 'serve'],
        cwd,
        env: {
          ...env,
          ENGINE_ROUTER_CONFIG: routerFile,
          NATS_URL: nats.url,
          DATABASE_URL: postgres.url,
          PORT: String(http.port),
          LOG_LEVEL: config.log.level,
        },
        onLine: (line) => io.stdout.write(`${line}\n`),
      })
      await untilReady(child, `${adminUrl}/readyz`, signal)
      return child
    },
    () => url,
  )
  const vital = [router, nats.child, postgres.child].filter((child) => child !== undefined)
  return {
    url,
    adminUrl,
    natsUrl: nats.url,
    routesFile: config.routes.file ?? 'config/routes.yaml',
    router,
    backend,
    vital,
  }
}

interface Server {
  readonly url: string
  /** Undefined: it runs already, and is not ours to stop. */
  readonly child: Child | undefined
}

async function provideNats(guard: ChildGuard, env: NodeJS.ProcessEnv, progress: Progress): Promise<Server> {
  if (env.NATS_URL) return { url: env.NATS_URL, child: undefined }
  const binary = await ensureNatsServer(env, progress.say)
  // The usual port, so that the `nats` command line needs no flag.
  const port = (await isPortFree(NATS_PORT, '127.0.0.1')) ? { port: NATS_PORT } : {}
  return startNatsServer(guard, { binary, ...port })
}

async function providePostgres(guard: ChildGuard, env: NodeJS.ProcessEnv, dataDirectory: string): Promise<Server> {
  if (env.DATABASE_URL) return { url: env.DATABASE_URL, child: undefined }
  return startDevPostgres(guard, dataDirectory)
}

async function migrate(url: string): Promise<string> {
  const database = openDatabase(url, { logger: createLogger('warn'), maxConnections: 1 })
  try {
    return (await migrateUp(database.db)).map(({ name }) => name).join(', ')
  } catch (cause) {
    throw new VerbError(`the database cannot be migrated: ${(cause as Error).message}`, { cause })
  } finally {
    await database.close()
  }
}

async function startBackend(guard: ChildGuard, natsUrl: string, env: NodeJS.ProcessEnv): Promise<Child> {
  const child = guard.spawn({
    name: 'demo backend',
    command: process.execPath,
    args: [join(import.meta.dirname, `demo-backend${EXTENSION}`)],
    env: { ...env, NATS_URL: natsUrl },
  })
  await child.waitForLine(/demo backend ready/, BACKEND_READY_MS)
  return child
}

async function untilReady(router: Child, url: string, signal: AbortSignal): Promise<void> {
  const exited = router.exited.then((exit) => {
    throw new VerbError(router.describe(exit))
  })
  const deadline = Date.now() + ROUTER_READY_MS
  for (;;) {
    if (await Promise.race([isOk(url), exited])) return
    signal.throwIfAborted()
    if (Date.now() > deadline) {
      throw new VerbError(`the router is not ready after ${ROUTER_READY_MS / 1000} s; see its log above and ${url}`)
    }
    await Promise.race([delay(POLL_MS), exited])
  }
}

async function isOk(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
    (response) => response.ok,
    () => false,
  )
}
