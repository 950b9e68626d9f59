import { spawnSync } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { VerbError } from '../cli/verb.ts'
import type { Child } from './child.ts'
import type { ChildGuard } from './child-guard.ts'

const READY_MS = 10_000
/** Where packages put it when PATH lacks the place: Debian, tarballs, Homebrew. */
const USUAL_DIRECTORIES = ['/usr/sbin', '/usr/local/bin', '/usr/local/sbin', '/opt/homebrew/bin']

/** Finds nats-server (`NATS_SERVER_BIN`, PATH, the usual places), undefined if there is none. */
export async function findNatsServer(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const named = env.NATS_SERVER_BIN
  if (named) {
    if (await isExecutable(named)) return named
    throw new VerbError(`NATS_SERVER_BIN is ${named}, which is not an executable file; correct or unset it`)
  }
  const directories = [...(env.PATH ?? '').split(delimiter).filter(Boolean), ...USUAL_DIRECTORIES]
  for (const directory of directories) {
    const path = join(directory, 'nats-server')
    if (await isExecutable(path)) return path
  }
  return undefined
}

/** Finds nats-server, or installs it: apt as root, else brew. `say` tells the user what happens. */
export async function ensureNatsServer(env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<string> {
  const found = await findNatsServer(env)
  if (found) return found
  if (isCommand('apt-get') && process.getuid?.() === 0) {
    say('nats-server is not here: apt-get install nats-server')
    install('apt-get', ['update', '-q'])
    install('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'nats-server'])
  } else if (isCommand('brew')) {
    say('nats-server is not here: brew install nats-server')
    install('brew', ['install', 'nats-server'])
  }
  const installed = await findNatsServer(env)
  if (installed) return installed
  throw new VerbError(
    'nats-server is not here and cannot be installed from here. Do one of these and try again:\n' +
      '  sudo apt-get install nats-server        (Debian, Ubuntu)\n' +
      '  brew install nats-server                (macOS)\n' +
      '  NATS_SERVER_BIN=/path/to/nats-server    (a binary from https://github.com/nats-io/nats-server/releases)\n' +
      '  NATS_URL=nats://host:4222               (a server that runs already)',
  )
}

export interface NatsServer {
  readonly child: Child
  readonly port: number
  readonly url: string
}

/** Starts a server on the loopback; without `port` on one that the system picks. Resolves when it accepts clients. */
export async function startNatsServer(
  guard: ChildGuard,
  options: { readonly binary: string; readonly port?: number; readonly args?: readonly string[] },
): Promise<NatsServer> {
  const child = guard.spawn({
    name: 'nats-server',
    command: options.binary,
    args: ['-a', '127.0.0.1', '-p', String(options.port ?? -1), ...(options.args ?? [])],
  })
  try {
    const listening = await child.waitForLine(/Listening for client connections on .*:(\d+)$/, READY_MS)
    await child.waitForLine(/Server is ready/, READY_MS)
    const port = Number(listening[1])
    return { child, port, url: `nats://127.0.0.1:${port}` }
  } catch (error) {
    await child.stop()
    throw error
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

function isCommand(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0
}

function install(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (status !== 0)
    throw new VerbError(`\`${command} ${args.join(' ')}\` failed; install nats-server by hand and try again`)
}
