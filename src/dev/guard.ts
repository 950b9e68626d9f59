/**
 * The program that ends what its parent leaves behind. It reads one order a line and acts at the end of input, which
 * comes however the parent dies (kill -9 too). Servers like Postgres cannot watch their parent; this watches for them.
 *
 *   watch PID SIGNAL     stop this process group at the end
 *   unwatch PID          it has ended by itself
 *   remove DIRECTORY     delete this directory at the end
 */
import { readFileSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

/** Longer than the drain of a router in dev. */
const GRACE_MS = 5_000
const KILLED_MS = 1_000
const POLL_MS = 50

const watched = new Map<number, NodeJS.Signals>()
const directories: string[] = []

// A terminal's Ctrl-C or a `pkill node` is for the parent; the guard goes when its input ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

for await (const line of createInterface({ input: process.stdin })) {
  const [order, subject = '', signal = 'SIGTERM'] = line.split(' ')
  if (order === 'watch') watched.set(Number(subject), signal as NodeJS.Signals)
  else if (order === 'unwatch') watched.delete(Number(subject))
  else if (order === 'remove') directories.push(line.slice('remove '.length))
}

for (const [pid, signal] of watched) signalGroup(pid, signal)
await groupsEnd(GRACE_MS)
for (const pid of watched.keys()) signalGroup(pid, 'SIGKILL')
await groupsEnd(KILLED_MS)
for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 3 })

async function groupsEnd(withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs
  while (Date.now() < deadline) {
    for (const pid of watched.keys()) if (!signalGroup(pid, 0) || isZombie(pid)) watched.delete(pid)
    if (watched.size === 0) return
    await delay(POLL_MS)
  }
}

/** False when nothing is left of the group. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** Ended, and not collected yet by the init that inherited it, which some containers' do late or never. */
function isZombie(pid: number): boolean {
  try {
    return / Z \d+ /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false // no /proc, as on macOS, or no such process by now
  }
}
