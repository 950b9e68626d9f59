#!/usr/bin/env node
/** The program: gives a verb its process, and ends that process with the verb's exit code. */
import { VERBS } from './cli/index.ts'
import { createInterrupts } from './cli/interrupts.ts'
import { run } from './cli/run.ts'

const NODE_VERSION = 22
if (Number.parseInt(process.versions.node, 10) < NODE_VERSION) {
  process.stderr.write(`engine-router needs Node ${NODE_VERSION} or later; this is ${process.versions.node}\n`)
  process.exit(1)
}

const interrupts = createInterrupts({ kill: () => process.exit(130), now: () => performance.now() })
process.on('SIGINT', interrupts.onInterrupt)
process.on('SIGTERM', interrupts.onInterrupt)

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
  signal: interrupts.signal,
})
// Pipes are written asynchronously on some systems, and exit does not wait for them.
await Promise.all([flush(process.stdout), flush(process.stderr)])
process.exit(code)

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}
