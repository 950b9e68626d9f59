import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Linux counts in ticks of 10 ms on every platform that node runs on. */
const TICK_US = 10_000

/** CPU time of a process since it began, all threads, in microseconds; exact to 10 ms on Linux, to a second elsewhere. */
export function cpuTimeUs(pid: number): number {
  if (process.platform !== 'linux')
    return parsePsTime(execFileSync('ps', ['-o', 'time=', '-p', String(pid)]).toString())
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may hold spaces: count from behind it. utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

/** `[[days-]hours:]minutes:seconds[.fraction]` */
function parsePsTime(text: string): number {
  const [days, clock] = text.includes('-') ? text.trim().split('-') : ['0', text.trim()]
  const seconds = clock!.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return (Number(days) * 86_400 + seconds) * 1e6
}
