import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { VerbError } from '../cli/verb.ts'
import type { Child } from './child.ts'
import type { ChildGuard } from './child-guard.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import type { SystemUser } from './system-user.ts'

const READY_MS = 30_000
const STALE_STOP_MS = 15_000
const PORT_ATTEMPTS = 5
/** The superuser of a cluster made here, and its database. */
const OWNER = 'postgres'

export interface Cluster {
  readonly binaries: PostgresBinaries
  readonly directory: string
  readonly password: string
  /** Whom it runs as; undefined: ourselves. */
  readonly user: SystemUser | undefined
}

export interface PostgresServer {
  readonly child: Child
  readonly port: number
  readonly url: string
}

/** Makes the cluster at its directory, whole or not at all: an interrupted run leaves nothing that looks ready. */
export async function createCluster(guard: ChildGuard, cluster: Cluster): Promise<void> {
  const parent = dirname(cluster.directory)
  const making = `${cluster.directory}.new`
  const passwordFile = `${cluster.directory}.password`
  await rm(making, { recursive: true, force: true })
  await mkdir(making, { recursive: true, mode: 0o700 })
  await writeFile(passwordFile, cluster.password, { mode: 0o600 })
  if (cluster.user) for (const path of [making, passwordFile]) await chown(path, cluster.user.uid, cluster.user.gid)
  const identity = identityOf(cluster.user)
  await finish(
    guard.spawn({
      name: 'initdb',
      command: cluster.binaries.initdb,
      args: [
        ...['-D', making, '-U', OWNER, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '--no-sync', '-E', 'UTF8'],
        // The builtin provider is the same on every machine, whatever locales it has.
        ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--no-instructions'],
      ],
      cwd: parent,
      ...identity,
    }),
  )
  await rm(passwordFile)
  await rename(making, cluster.directory)
}

/** Starts Postgres on the loopback; without `port` on a free one. Resolves when it accepts clients. */
export async function startPostgresServer(
  guard: ChildGuard,
  cluster: Cluster,
  options: { readonly port?: number; readonly settings?: readonly string[] } = {},
): Promise<PostgresServer> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await findFreePort())
    const child = guard.spawn({
      name: 'postgres',
      command: cluster.binaries.postgres,
      args: [
        ...['-D', cluster.directory, '-p', String(port), '-c', 'listen_addresses=127.0.0.1'],
        ...['-c', 'unix_socket_directories=', '-c', 'lc_messages=C'],
        ...(options.settings ?? []).flatMap((setting) => ['-c', setting]),
      ],
      cwd: dirname(cluster.directory),
      // Fast shutdown: clients are cut off, data is written out.
      stopSignal: 'SIGINT',
      ...identityOf(cluster.user),
    })
    try {
      await child.waitForLine(/database system is ready to accept connections/, READY_MS)
      return { child, port, url: `postgres://${OWNER}:${cluster.password}@127.0.0.1:${port}/postgres` }
    } catch (error) {
      await child.stop()
      // Another process may take a free port before Postgres does.
      const lostPort = child.tail.some((line) => /could not bind .*Address already in use/.test(line))
      if (options.port !== undefined || !lostPort || attempt === PORT_ATTEMPTS) throw error
    }
  }
}

/** Whether a postmaster runs on this directory, ours or one that a killed run left. */
export async function isPostmasterOf(directory: string): Promise<boolean> {
  return (await postmasterOf(directory)) !== undefined
}

/** Stops the postmaster that a killed run left on this directory, or takes away the trace of one that is gone. */
export async function stopStalePostmaster(directory: string): Promise<void> {
  const pid = await postmasterOf(directory)
  if (pid === undefined) {
    // Postgres refuses to start while a process has the pid in it, be it another's or a zombie that nobody has reaped.
    await rm(join(directory, 'postmaster.pid'), { force: true })
    return
  }
  process.kill(pid, 'SIGINT')
  const deadline = Date.now() + STALE_STOP_MS
  while (commandLineOf(pid).includes(directory)) {
    if (Date.now() > deadline) {
      throw new VerbError(`a Postgres of an earlier run (pid ${pid}) does not end; kill it and try again`)
    }
    await delay(50)
  }
}

/** A pid file survives a crash of the machine, and its pid may be somebody else's by now. */
async function postmasterOf(directory: string): Promise<number | undefined> {
  const pid = Number((await readFile(join(directory, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0])
  return pid > 0 && commandLineOf(pid).includes(directory) ? pid : undefined
}

/** Empty if there is no such process, or only its zombie. */
function commandLineOf(pid: number): string {
  if (process.platform !== 'linux')
    return spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

export async function isCluster(directory: string): Promise<boolean> {
  return stat(join(directory, 'PG_VERSION')).then(
    () => true,
    () => false,
  )
}

async function finish(child: Child): Promise<void> {
  const exit = await child.exited
  if (exit.code !== 0) throw new VerbError(child.describe(exit))
}

function identityOf(user: SystemUser | undefined): { uid?: number; gid?: number } {
  return user ? { uid: user.uid, gid: user.gid } : {}
}

/** Free a moment ago; whoever binds it must be ready to lose the race. */
async function findFreePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port')
  return address.port
}
