import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the servers of a running `npm run dev` are. */
export interface DevServers {
  readonly pid: number
  readonly natsUrl: string
  /** With its password: the file is the user's alone. */
  readonly databaseUrl: string
}

function fileOf(cwd: string): string {
  return join(cwd, '.data', 'dev.json')
}

/** Lets the verbs that run in the same checkout find them. */
export function announceDevServers(cwd: string, servers: DevServers): void {
  writeFileSync(fileOf(cwd), `${JSON.stringify(servers)}\n`, { mode: 0o600 })
}

/** Leaves what another `npm run dev` in this directory has announced: its verbs need it. */
export function withdrawDevServers(cwd: string): void {
  if (findDevServers(cwd)?.pid === process.pid) rmSync(fileOf(cwd), { force: true })
}

/** Undefined if no `npm run dev` runs in this directory. */
export function findDevServers(cwd: string): DevServers | undefined {
  try {
    const servers = JSON.parse(readFileSync(fileOf(cwd), 'utf8')) as DevServers
    // Killed by force, it could not withdraw them.
    process.kill(servers.pid, 0)
    return servers
  } catch {
    return undefined
  }
}
