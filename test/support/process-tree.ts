import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

interface ProcessEntry {
  readonly pid: number
  readonly parentPid: number
  /** As `ps` has it; `Z` is a zombie. */
  readonly state: string
}

/** The pids of all children of `pid`, theirs, and so on; without itself. */
export function descendantsOf(pid: number): number[] {
  const entries = readProcesses()
  const found = [pid]
  for (const ancestor of found) {
    for (const entry of entries) if (entry.parentPid === ancestor) found.push(entry.pid)
  }
  return found.slice(1)
}

/** Those of `pids` that still run. A zombie has ended; it is its parent's to collect. */
export function running(pids: readonly number[]): number[] {
  const alive = new Set(
    readProcesses()
      .filter(({ state }) => !state.startsWith('Z'))
      .map(({ pid }) => pid),
  )
  return pids.filter((pid) => alive.has(pid))
}

function readProcesses(): ProcessEntry[] {
  // A small Linux image has no `ps`.
  return existsSync('/proc/self/stat') ? readProc() : readPs()
}

function readProc(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        // The name of the program, in parentheses, may hold anything.
        const [state = '', parentPid = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return [{ pid: Number(name), parentPid: Number(parentPid), state }]
      } catch {
        return [] // it ended while we looked
      }
    })
}

function readPs(): ProcessEntry[] {
  const { stdout } = spawnSync('ps', ['-axo', 'pid=,ppid=,stat='], { encoding: 'utf8' })
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .map(([pid, parentPid, state = '']) => ({ pid: Number(pid), parentPid: Number(parentPid), state }))
}
