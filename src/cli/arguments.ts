import { parseArgs } from 'node:util'
import { nearest } from '../schema/nearest.ts'
import { type OptionSpec, UsageError, type VerbArgs } from './verb.ts'

/** The option that every verb has. */
export const HELP_OPTION: OptionSpec = { type: 'boolean', short: 'h', description: 'Show this help' }

/** Reads the words after the verb. Throws UsageError for an unknown option, a missing value or a value too many. */
export function parseArguments(words: readonly string[], specs: Readonly<Record<string, OptionSpec>>): VerbArgs {
  const known: Readonly<Record<string, OptionSpec>> = { ...specs, help: HELP_OPTION }
  // Not strict: the messages of node:util name no neighbour, and its tokens tell all that is needed for better ones.
  const { tokens } = parseArgs({ args: [...words], options: parserOptions(known), strict: false, tokens: true })
  const positionals: string[] = []
  const options: Record<string, string | boolean | readonly string[]> = {}
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const spec = Object.hasOwn(known, token.name) ? known[token.name] : undefined
    if (spec === undefined) throw unknownOption(token.rawName, known)
    const value = optionValue(token.rawName, spec, token.value, token.inlineValue === true)
    const before = options[token.name]
    options[token.name] = spec.multiple ? [...(Array.isArray(before) ? before : []), String(value)] : value
  }
  return { positionals, options }
}

function parserOptions(specs: Readonly<Record<string, OptionSpec>>) {
  return Object.fromEntries(
    Object.entries(specs).map(([name, { type, short }]) => [name, short === undefined ? { type } : { type, short }]),
  )
}

function optionValue(rawName: string, spec: OptionSpec, value: string | undefined, inline: boolean): string | true {
  if (spec.type === 'boolean') {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value`)
    return true
  }
  if (value === undefined) throw new UsageError(`${rawName} needs a value: ${rawName} ${spec.value ?? 'VALUE'}`)
  // `--config --json`: the value was forgotten. A lone `-` is a value (standard input).
  if (!inline && value.length > 1 && value.startsWith('-')) {
    throw new UsageError(`${rawName} needs a value before ${value} (or, if that is the value, ${rawName}=${value})`)
  }
  return value
}

function unknownOption(rawName: string, known: Readonly<Record<string, OptionSpec>>): UsageError {
  const name = nearest(rawName.replace(/^-+/, ''), Object.keys(known))
  return new UsageError(`unknown option ${rawName}${name === undefined ? '' : `, did you mean --${name}?`}`)
}
