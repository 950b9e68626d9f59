import type { z } from 'zod'
import { issueMessage } from '../schema/issue-message.ts'
import { DocumentError, type Problem } from './document-error.ts'
import { type Path, type Place, parseYaml, type YamlDocument } from './yaml-document.ts'

export interface LocatedDocument<T> {
  readonly value: T
  /** Where a value is, or the nearest thing above it that is there. */
  locate(path: Path): Place
}

/** Reads a YAML document that must fit a schema. Throws DocumentError with every problem and its place. */
export function readYaml<T>(text: string, file: string, schema: z.ZodType<T>): LocatedDocument<T> {
  const { value, problems, document } = checkYaml(text, file, schema)
  if (problems.length > 0 || value === undefined) throw new DocumentError(problems)
  return { value, locate: document.placeOf }
}

export interface CheckedYaml<T> {
  /** Undefined if the schema refused it. */
  readonly value: T | undefined
  /** In the order of the text. */
  readonly problems: readonly Problem[]
  readonly document: YamlDocument
}

/** As `readYaml`, but hands the problems back, for callers that have more to add. */
export function checkYaml<T>(text: string, file: string, schema: z.ZodType<T>): CheckedYaml<T> {
  const document = parseYaml(text)
  const problems = document.faults.map(({ place, path, message }) => ({
    file,
    ...place,
    path: formatPath(path),
    message,
  }))
  if (document.value === undefined) return { value: undefined, problems, document }
  const result = schema.safeParse(document.value, { error: issueMessage })
  for (const issue of result.error?.issues ?? []) {
    for (const { path, place, message } of locateIssue(issue, [], document)) {
      problems.push({ file, ...place, path: formatPath(path), message })
    }
  }
  return { value: result.data, problems: problems.sort(byPlace), document }
}

/** `routes[2].match.path` */
export function formatPath(path: Path): string {
  let text = ''
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`
    else if (/^[\w-]+$/.test(segment)) text += text === '' ? segment : `.${segment}`
    else text += `[${JSON.stringify(segment)}]`
  }
  return text
}

/** Sorts problems as they stand in the text. */
export function byPlace(a: Place, b: Place): number {
  return a.line - b.line || a.column - b.column
}

interface LocatedIssue {
  readonly path: Path
  readonly place: Place
  readonly message: string
}

function locateIssue(issue: z.core.$ZodIssue, above: Path, document: YamlDocument): LocatedIssue[] {
  const path = [...above, ...issue.path.filter((segment) => typeof segment !== 'symbol')]
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n')
    return issue.keys.map((key, index) => {
      const keyPath = [...path, key]
      return { path: keyPath, place: document.placeOfKey(keyPath), message: messages[index] ?? 'unknown key' }
    })
  }
  if (issue.code === 'invalid_union') {
    // One branch took the value's kind and found fault inside it: that is the one that was meant.
    const inner = issue.errors.filter((branch) => branch.every((inside) => inside.path.length > 0 || hasKeys(inside)))
    const [meant] = inner
    if (meant !== undefined && inner.length === 1) return meant.flatMap((inside) => locateIssue(inside, path, document))
  }
  const place = issue.code === 'invalid_key' ? document.placeOfKey(path) : document.placeOf(path)
  return [{ path, place, message: issue.message }]
}

function hasKeys(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'unrecognized_keys'
}
