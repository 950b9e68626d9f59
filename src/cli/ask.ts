import { createInterface } from 'node:readline'
import type { Io } from './verb.ts'

/** Whether a person sits at the other end. */
export function isInteractive({ stdin, stderr }: Io): boolean {
  return 'isTTY' in stdin && stdin.isTTY === true && stderr.isTTY === true
}

/** Asks on standard error, as standard output may be a program's; the answer is empty at the end of input. */
export async function ask(io: Io, question: string): Promise<string> {
  io.stderr.write(question)
  // Not as a terminal: Ctrl-C stays a signal.
  const lines = createInterface({ input: io.stdin, terminal: false, signal: io.signal })
  for await (const line of lines) return line.trim()
  return ''
}
