import { createPaint } from '../cli/print.ts'
import type { Io } from '../cli/verb.ts'

const NAME_WIDTH = 14

/** Says what is being done, and what came of it and when. */
export interface Progress {
  /** Runs one step and prints a line when it is done: `✓ postgres      127.0.0.1:40123 (0.8 s)`. */
  step<T>(name: string, run: () => Promise<T>, outcome: (value: T) => string): Promise<T>
  /** A line that is not a step. */
  say(line: string): void
}

export function createProgress(io: Io): Progress {
  const paint = createPaint(io.stdout, io.env)
  const print = (line: string) => {
    io.stdout.write(`${line}\n`)
  }
  return {
    async step(name, run, outcome) {
      const startedAtMs = performance.now()
      const value = await run()
      const tookS = ((performance.now() - startedAtMs) / 1000).toFixed(1)
      print(`${paint('green', '✓')} ${name.padEnd(NAME_WIDTH)}${outcome(value)} ${paint('dim', `(${tookS} s)`)}`)
      return value
    },
    say: (line) => print(`  ${line}`),
  }
}
