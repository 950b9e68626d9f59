/** zod's issues in the words of someone who writes YAML. */
import type { z } from 'zod'
import { got } from './got.ts'
import { didYouMean } from './nearest.ts'

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
}

/** zod's error map. For an issue about several unknown keys: one line for each, in their order. */
export const issueMessage: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
    case 'invalid_value':
    case 'invalid_union':
      return mismatch(alternatives(issue), issue.input)
    case 'unrecognized_keys':
      return issue.keys.map((key) => `unknown key${didYouMean(key, knownKeys(issue.inst))}`).join('\n')
    case 'too_small':
      return tooSmall(issue.origin, issue.minimum) + got(issue.input)
    case 'too_big':
      return tooBig(issue.origin, issue.maximum) + got(issue.input)
    case 'invalid_key':
      return issue.issues.map(({ message }) => message).join('; ')
    case 'invalid_format':
      return `expected ${issue.pattern === undefined ? issue.format : `text like ${issue.pattern}`}${got(issue.input)}`
    default:
      return `is not valid${got(issue.input)}`
  }
}

/** What would have been right: exact values, and kinds of value. */
interface Alternatives {
  readonly values: readonly string[]
  readonly kinds: readonly string[]
}

function alternatives(issue: z.core.$ZodRawIssue | z.core.$ZodIssue): Alternatives {
  if (issue.code === 'invalid_value') return { values: issue.values.map(String), kinds: [] }
  if (issue.code === 'invalid_type') return { values: [], kinds: [TYPE_NAMES[issue.expected] ?? issue.expected] }
  if (issue.code !== 'invalid_union') return { values: [], kinds: [] }
  const branches = issue.errors.flatMap(([first]) => (first === undefined ? [] : [alternatives(first)]))
  return { values: branches.flatMap(({ values }) => values), kinds: branches.flatMap(({ kinds }) => kinds) }
}

function mismatch({ values, kinds }: Alternatives, input: unknown): string {
  const several = values.length > 1 && kinds.length === 0
  const expected = `expected ${several ? 'one of ' : ''}${[values.join(', '), ...kinds].filter(Boolean).join(' or ')}`
  if (input === undefined) return `is missing; ${expected}`
  return expected + got(input) + (typeof input === 'string' ? didYouMean(input, values) : '')
}

function knownKeys(schema: unknown): readonly string[] {
  const shape = (schema as Partial<z.ZodObject> | undefined)?.shape
  return shape === undefined ? [] : Object.keys(shape)
}

function tooSmall(origin: string, minimum: number | bigint): string {
  if (origin === 'number') return `must be at least ${minimum}`
  return minimum === 1 ? 'must not be empty' : `must have at least ${minimum} ${unitOf(origin)}`
}

function tooBig(origin: string, maximum: number | bigint): string {
  return origin === 'number' ? `must be at most ${maximum}` : `must have at most ${maximum} ${unitOf(origin)}`
}

function unitOf(origin: string): string {
  return origin === 'string' ? 'characters' : 'entries'
}
