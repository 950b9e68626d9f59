import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { VerbError } from '../cli/verb.ts'

const run = promisify(execFile)

/** What one run of load against one address gave. */
export interface LoadResult {
  readonly requests: number
  /** Anything but a 2xx or 3xx, and failed connections. */
  readonly errors: number
  readonly seconds: number
  readonly p50Us: number
  readonly p99Us: number
}

/** Prints what wrk's own summary rounds. */
const REPORT = `done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
`

/** As browsers and SDKs send them: what a gateway that forwards headers has to carry. */
const HEADERS = ['accept: application/json', 'accept-encoding: gzip', 'user-agent: bench/1.0']

export interface Wrk {
  /** @param headers beside those of every client, as `name: value` */
  load(url: string, connections: number, seconds: number, headers?: readonly string[]): Promise<LoadResult>
  close(): Promise<void>
}

/** wrk with a script that reports in numbers. Installs it as root on Debian, else says what to do. `signal` ends a run. */
export async function prepareWrk(say: (line: string) => void, signal: AbortSignal): Promise<Wrk> {
  if (!isInstalled()) install(say)
  const directory = await mkdtemp(join(tmpdir(), 'engine-router-bench-'))
  const script = join(directory, 'report.lua')
  await writeFile(script, REPORT)
  return {
    async load(url, connections, seconds, headers = []) {
      const fields = [...HEADERS, ...headers].flatMap((header) => ['-H', header])
      const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, ...fields, url]
      const { stdout } = await run('wrk', args, { signal })
      const match = /^RESULT (\d+) (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout)
      if (match === null) throw new Error(`wrk said: ${stdout}`)
      const [requests = 0, durationUs = 0, errors = 0, p50Us = 0, p99Us = 0] = match.slice(1).map(Number)
      return { requests, errors, seconds: durationUs / 1e6, p50Us, p99Us }
    },
    close: () => rm(directory, { recursive: true }),
  }
}

function isInstalled(): boolean {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'ignore' })
    return true
  } catch (error) {
    // It exits with 1 after printing its version.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT'
  }
}

function install(say: (line: string) => void): void {
  const isDebianRoot = process.platform === 'linux' && process.getuid?.() === 0
  if (!isDebianRoot) throw new VerbError('the bench needs wrk: install it with `apt install wrk` or `brew install wrk`')
  say('installing wrk')
  try {
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'ignore' })
    execFileSync('apt-get', ['install', '-y', '-qq', 'wrk'], { stdio: 'ignore' })
  } catch (cause) {
    throw new VerbError('the bench needs wrk, and `apt-get install wrk` failed', { cause })
  }
}
