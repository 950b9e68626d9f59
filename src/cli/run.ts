import { ConfigError } from '../config/config-error.ts'
import { DocumentError } from '../config/document-error.ts'
import { packageVersion } from '../package-version.ts'
import { didYouMean } from '../schema/nearest.ts'
import { parseArguments } from './arguments.ts'
import { groupHelp, PROGRAM, programHelp, verbHelp } from './help.ts'
import { Interruption } from './interrupts.ts'
import { warnOfPasswords } from './password-warning.ts'
import { createPaint } from './print.ts'
import { type Io, UsageError, type VerbEntry, VerbError } from './verb.ts'

/** What the words of a command line ask for. */
type Command =
  | { readonly do: 'version' }
  | { readonly do: 'help'; readonly text: string; readonly asked: boolean }
  | { readonly do: 'run'; readonly entry: VerbEntry; readonly words: readonly string[] }

/**
 * Runs one command line and reports its errors; the exit code is 0 ok, 1 failed, 2 bad usage,
 * or that of a signal that ended it. Never rejects.
 */
export async function run(words: readonly string[], entries: readonly VerbEntry[], io: Io): Promise<number> {
  let usageOf = PROGRAM
  try {
    const command = readCommand(words, entries)
    if (command.do === 'version') {
      io.stdout.write(`${packageVersion()}\n`)
      return 0
    }
    if (command.do === 'help') {
      const output = command.asked ? io.stdout : io.stderr
      output.write(command.text)
      return command.asked ? 0 : 2
    }
    usageOf = `${PROGRAM} ${command.entry.name}`
    return await runVerb(command.entry, command.words, io)
  } catch (error) {
    return reportError(error, usageOf, io)
  }
}

function readCommand(words: readonly string[], entries: readonly VerbEntry[]): Command {
  const [first, ...rest] = words
  if (first === '--version') return { do: 'version' }
  if (first === undefined || first === '--help' || first === '-h' || (first === 'help' && rest.length === 0)) {
    return { do: 'help', text: programHelp(entries), asked: first !== undefined }
  }
  if (first === 'help') return readCommand([...rest, '--help'], entries)
  if (first.startsWith('-')) throw new UsageError(`options go after the verb: ${PROGRAM} VERB ${first}`)

  const single = entries.find(({ name }) => name === first)
  if (single !== undefined) return { do: 'run', entry: single, words: rest }

  const group = entries.filter(({ name }) => name.startsWith(`${first} `))
  if (group.length === 0) {
    const names = new Set(entries.flatMap(({ name }) => [name, name.split(' ')[0] ?? name]))
    throw new UsageError(`unknown verb "${first}"${didYouMean(first, names)}`)
  }
  const [second, ...words2] = rest
  if (second === undefined || second === '--help' || second === '-h') {
    return { do: 'help', text: groupHelp(first, group), asked: second !== undefined }
  }
  const pair = group.find(({ name }) => name === `${first} ${second}`)
  if (pair !== undefined) return { do: 'run', entry: pair, words: words2 }
  const names = group.map(({ name }) => name.slice(first.length + 1))
  throw new UsageError(`unknown verb "${first} ${second}"${didYouMean(second, names)} (one of ${names.join(', ')})`)
}

async function runVerb(entry: VerbEntry, words: readonly string[], io: Io): Promise<number> {
  const { verb } = await entry.load()
  // Help wins over whatever else is wrong with the words: it is what someone who got them wrong asks for.
  if (asksForHelp(words)) {
    io.stdout.write(verbHelp(entry, verb))
    return 0
  }
  const args = parseArguments(words, verb.options)
  if (verb.usage === undefined && args.positionals[0] !== undefined) {
    throw new UsageError(`unexpected "${args.positionals[0]}"`)
  }
  warnOfPasswords(args, io)
  return await verb.run(args, io)
}

function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--')
  return (end === -1 ? words : words.slice(0, end)).some((word) => word === '--help' || word === '-h')
}

function reportError(error: unknown, usageOf: string, io: Io): number {
  const red = (text: string) => createPaint(io.stderr, io.env)('red', text)
  if (error instanceof UsageError) {
    io.stderr.write(`${red('error:')} ${error.message}\nSee '${usageOf} --help'.\n`)
    return 2
  }
  if (error instanceof Interruption) {
    io.stderr.write('stopped\n')
    return error.exitCode
  }
  if (error instanceof DocumentError) {
    io.stderr.write(`${error.message}\n`)
    return 1
  }
  const debug = io.env.LOG_LEVEL === 'debug' || io.env.LOG_LEVEL === 'trace'
  const stack = debug && error instanceof Error ? `\n${error.stack}` : ''
  if (error instanceof VerbError || error instanceof ConfigError) {
    io.stderr.write(`${red('error:')} ${error.message}${stack}\n`)
    return 1
  }
  const hint = stack === '' ? ' (LOG_LEVEL=debug shows where)' : stack
  io.stderr.write(`${red('error:')} unexpected: ${firstLine(error)}${hint}\n`)
  return 1
}

function firstLine(error: unknown): string {
  // A refused connection to a name with several addresses is an AggregateError without a message of its own.
  if (error instanceof AggregateError && error.message === '') return firstLine(error.errors[0])
  const text = error instanceof Error ? error.message || error.name : String(error)
  return text.split('\n', 1)[0] ?? text
}
