import { spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { eventually } from '../../../support/eventually.ts'

/** A request that a front end has sent on, as it writes in its log. */
export interface ForwardedRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
}

/** A proxy in front of the router that keeps its connections to it. */
export interface FrontEnd {
  readonly name: string
  /** Undefined: it is not installed. */
  readonly program: string | undefined
  /** The configuration for these ports of its own; each leads to the router over a connection of its own. */
  readonly configure: (ports: readonly number[], routerPort: number, directory: string) => string
  readonly argv: (config: string, directory: string) => readonly string[]
  /** The requests sent on, out of the lines of its log. */
  readonly parseLog: (line: string) => ForwardedRequest | undefined
}

export interface RunningFrontEnd {
  forwarded(): ForwardedRequest[]
}

/** Where a program of Debian is; some lie where only root's PATH leads. */
export function findProgram(name: string): string | undefined {
  return [name, `/usr/sbin/${name}`].find((path) => spawnSync(path, ['-v']).error === undefined)
}

/** Ends with the test. */
export async function startFrontEnd(
  t: TestContext,
  frontEnd: FrontEnd,
  routerPort: number,
  ports: readonly number[],
): Promise<RunningFrontEnd> {
  const directory = mkdtempSync(join(tmpdir(), 'engine-router-front-end-'))
  const config = join(directory, 'front-end.conf')
  writeFileSync(config, frontEnd.configure(ports, routerPort, directory))
  // A file: nginx opens its output by name, which a socket to us has none of.
  const log = join(directory, 'log')
  const output = openSync(log, 'a')
  const child = spawn(frontEnd.program!, frontEnd.argv(config, directory), { stdio: ['ignore', output, 'pipe'] })
  closeSync(output)
  const exited = once(child, 'exit')
  let complaints = ''
  child.stderr!.on('data', (chunk) => (complaints += chunk))
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
    rmSync(directory, { recursive: true, force: true })
  })
  await eventually(`${frontEnd.name} listens`, async () => {
    if (child.exitCode !== null) throw new Error(complaints)
    const socket = connect(ports.at(-1)!, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
    return true
  })
  return {
    forwarded: () =>
      readFileSync(log, 'latin1')
        .split('\n')
        .slice(0, -1)
        .flatMap((line) => frontEnd.parseLog(line) ?? []),
  }
}

/** Free a moment ago, different, and below those that the system gives to connections in the meantime. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = []
  for (let attempts = 0; servers.length < count && attempts < 10 * count; attempts++) {
    const server = createServer().listen(randomInt(10_000, 32_000), '127.0.0.1')
    try {
      await once(server, 'listening')
      servers.push(server)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
