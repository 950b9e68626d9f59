import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { VERBS } from '../../src/cli/index.ts'
import { run } from '../../src/cli/run.ts'
import type { VerbEntry } from '../../src/cli/verb.ts'

export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly stdin?: string | NodeJS.ReadableStream
  readonly entries?: readonly VerbEntry[]
  /** Of all three streams. */
  readonly isTTY?: boolean
  readonly signal?: AbortSignal
}

/** Runs a command line in this process, with streams and environment of its own. */
export async function runCli(words: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { stdin = '', isTTY = false } = options
  const stdout = Object.assign(new PassThrough(), { isTTY })
  const stderr = Object.assign(new PassThrough(), { isTTY })
  const output = Promise.all([text(stdout), text(stderr)])
  const code = await run(words, options.entries ?? VERBS, {
    stdin: Object.assign(typeof stdin === 'string' ? Readable.from([stdin]) : stdin, { isTTY }),
    stdout,
    stderr,
    env: options.env ?? {},
    cwd: options.cwd ?? process.cwd(),
    signal: options.signal ?? new AbortController().signal,
  })
  stdout.end()
  stderr.end()
  const [out, err] = await output
  return { code, stdout: out, stderr: err }
}
