import { HELP_OPTION } from './arguments.ts'
import { alignColumns } from './print.ts'
import type { OptionSpec, Verb, VerbEntry } from './verb.ts'

export const PROGRAM = 'engine-router'

/** The help of the whole program. */
export function programHelp(entries: readonly VerbEntry[]): string {
  return [
    'Routes HTTP, SSE, WebSocket and TCP clients to NATS responders.',
    '',
    `Usage: ${PROGRAM} VERB [options]`,
    '',
    'Verbs:',
    ...verbLines(entries),
    '',
    'Options:',
    ...indent(
      alignColumns([
        ['-h, --help', 'Show this help, or that of a verb'],
        ['    --version', 'Show the version'],
      ]),
    ),
    '',
    `'${PROGRAM} VERB --help' tells more of a verb.`,
    '',
  ].join('\n')
}

/** The help of the verbs that share a first word, like `routes`. */
export function groupHelp(group: string, entries: readonly VerbEntry[]): string {
  return [
    `Usage: ${PROGRAM} ${group} VERB [options]`,
    '',
    'Verbs:',
    ...verbLines(entries),
    '',
    `'${PROGRAM} ${group} VERB --help' tells more of a verb.`,
    '',
  ].join('\n')
}

/** The help of one verb. */
export function verbHelp(entry: VerbEntry, verb: Verb): string {
  const options = Object.entries({ ...verb.options, help: HELP_OPTION })
  return [
    `${entry.summary}.`,
    '',
    `Usage: ${[PROGRAM, entry.name, verb.usage, '[options]'].filter((part) => part !== undefined).join(' ')}`,
    '',
    'Options:',
    ...indent(alignColumns(options.map(([name, spec]) => [optionLabel(name, spec), spec.description]))),
    ...(verb.notes === undefined ? [] : ['', ...verb.notes]),
    ...(verb.examples === undefined ? [] : ['', 'Examples:', ...indent(verb.examples)]),
    '',
  ].join('\n')
}

function verbLines(entries: readonly VerbEntry[]): string[] {
  return indent(alignColumns(entries.map(({ name, summary }) => [name, summary])))
}

function optionLabel(name: string, { short, type, value, multiple }: OptionSpec): string {
  const label = `${short === undefined ? '   ' : `-${short},`} --${name}`
  if (type === 'boolean') return label
  return `${label} ${value ?? 'VALUE'}${multiple ? '...' : ''}`
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`)
}
