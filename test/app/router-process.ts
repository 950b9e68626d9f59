import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'

/** A line of the log, as far as these tests look at it. */
export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** `engine-router serve` in a process of its own. */
export interface RouterProcess {
  readonly pid: number
  readonly url: string
  readonly port: number
  readonly adminUrl: string
  /** Its working directory; where relative paths of its configuration begin. */
  readonly directory: string
  log(): LogLine[]
  /** The messages of one level. */
  logged(level: string): string[]
  /** Waits until it is ready. */
  ready(): Promise<void>
  readiness(): Promise<{ readonly status: number; readonly reasons: readonly string[] }>
  signal(signal: NodeJS.Signals): void
  readonly exitCode: Promise<number | null>
}

/** What a test says of `config/router.yaml`; addresses and ports are filled in. */
export interface RouterSettings {
  readonly natsUrl: string
  readonly nats?: { readonly inboxPrefix?: string; readonly creds?: string; readonly workspaceCreds?: string }
  readonly databaseUrl: string
  readonly httpPort?: number
  readonly adminPort?: number
  readonly routes?: { readonly file?: string; readonly cache?: string }
  /** Of `listen.http` and `listen.admin`. */
  readonly reusePort?: boolean
  /** Of `listen.http`. */
  readonly trustedProxies?: readonly string[]
  /** The same. */
  readonly origins?: readonly string[]
  /** Of `listen.tcp`. */
  readonly tcp?: readonly object[]
  readonly limits?: object
  /** Of all routes. */
  readonly policies?: readonly object[]
  readonly drainDelay?: string
  readonly drainTimeout?: string
  readonly logLevel?: string
  /** Beside `PATH`. */
  readonly env?: NodeJS.ProcessEnv
}

/** A serving router, of which nothing is left after the test. It listens; `ready` waits for the rest. */
export async function startRouter(t: Pick<TestContext, 'after'>, settings: RouterSettings, directory?: string) {
  const home = await writeSettings(settings, directory)
  const run = spawnRouter(t, home, settings.env)
  const listening = await Promise.race([
    eventually('it listens', () => run.log().find(({ msg }) => msg.startsWith('listening on')), { timeoutMs: 20_000 }),
    run.exitCode.then((code) => Promise.reject(new Error(`the router ended with ${code}:\n${run.output()}`))),
  ])
  const adminUrl = `http://127.0.0.1:${listening.admin}`
  const readiness = async () => {
    const response = await fetch(`${adminUrl}/readyz`)
    const { reasons } = (await response.json()) as { reasons: string[] }
    return { status: response.status, reasons }
  }
  const router: RouterProcess = {
    ...run,
    port: Number(listening.http),
    url: `http://127.0.0.1:${listening.http}`,
    adminUrl,
    directory: home,
    logged: (level) =>
      run
        .log()
        .filter((line) => line.level === level)
        .map(({ msg }) => msg),
    readiness,
    async ready() {
      await eventually('ready', async () => (await readiness()).status === 200, { timeoutMs: 10_000 })
    },
  }
  return router
}

/** As `router.yaml`, in this directory or a new one, which it returns. */
export async function writeSettings(settings: RouterSettings, directory?: string): Promise<string> {
  const home = directory ?? (await temporaryDirectory())
  await writeFile(join(home, 'router.yaml'), routerYaml(settings))
  return home
}

/** `engine-router serve -c router.yaml` in this directory, wherever that leads. */
export function spawnRouter(
  t: { after(end: () => Promise<void>): void },
  directory: string,
  env: NodeJS.ProcessEnv = {},
) {
  const child: ChildProcess = spawn(
    process.execPath,
    [join(import.meta.dirname, '../../src/main.ts'), 'serve', '-c', 'router.yaml'],
    { cwd: directory, env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk) => (stdout += chunk))
  child.stderr?.on('data', (chunk) => (stderr += chunk))
  const exitCode = once(child, 'close').then(([code]) => code as number | null)
  t.after(async () => {
    child.kill('SIGKILL')
    await exitCode
  })
  return {
    pid: child.pid!,
    exitCode,
    stderr: () => stderr,
    output: () => stdout + stderr,
    // The last line may be there in part.
    log: () =>
      stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as LogLine),
    signal: (signal: NodeJS.Signals) => void child.kill(signal),
  }
}

/** Deleted at the end of this process, when no router writes there any more. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'engine-router-app-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** JSON is YAML. */
function routerYaml(settings: RouterSettings): string {
  const { natsUrl, databaseUrl, httpPort = 0, adminPort = 0, reusePort = false, origins } = settings
  const { trustedProxies = [], tcp = [], drainDelay = '0s', drainTimeout = '30s', logLevel = 'info' } = settings
  return JSON.stringify({
    listen: {
      http: { host: '127.0.0.1', port: httpPort, reusePort, trustedProxies, origins },
      admin: { port: adminPort, reusePort },
      tcp,
    },
    nats: { servers: [natsUrl], ...settings.nats },
    database: { url: databaseUrl },
    routes: { ...settings.routes },
    // A machine that runs many tests at once is slow, which is no reason here to refuse requests.
    limits: { loopDelay: '0s', ...settings.limits },
    policies: settings.policies,
    drain: { delay: drainDelay, timeout: drainTimeout },
    log: { level: logLevel },
  })
}
