#!/usr/bin/env node
/** The program: gives a verb its process, and ends that process with the verb's exit code. */
import { VERBS } from './cli/index.ts'
import { run } from './cli/run.ts'

/** `npm run` passes on a Ctrl-C that the terminal has already sent: two signals this close are one key press. */
const SAME_PRESS_MS = 500

const abort = new AbortController()
let interruptedAtMs: number | undefined

function interrupt(): void {
  const nowMs = performance.now()
  if (interruptedAtMs === undefined) {
    interruptedAtMs = nowMs
    abort.abort()
  } else if (nowMs - interruptedAtMs > SAME_PRESS_MS) {
    process.exit(130)
  }
}
process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)

/** The reader of a pipe has left (`| head -1`): nobody is waiting for the rest. */
function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
}
process.stdout.on('error', onOutputError)
process.stderr.on('error', onOutputError)

const code = await run(process.argv.slice(2), VERBS, {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  signal: abort.signal,
})
// Pipes are written asynchronously on some systems, and exit does not wait for them.
await Promise.all([flush(process.stdout), flush(process.stderr)])
process.exit(code)

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}
