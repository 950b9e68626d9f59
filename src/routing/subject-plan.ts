import type { PathPattern } from './path-pattern.ts'
import type { PathScan } from './path-scan.ts'
import { decodePercent } from './percent.ts'
import {
  assertNamesExist,
  isReservedFirstToken,
  MAX_SUBJECT_BYTES,
  NOT_IN_A_TOKEN,
  type SubjectTemplate,
} from './subject-template.ts'

interface Capture {
  readonly name: string
  /** Which segment of the path. */
  readonly segment: number
  readonly rest: boolean
  /** Text between this capture and the next one, dots included. */
  readonly after: string
}

/** A template bound to its path: rendering is `before`, then each capture and what comes after it. */
export interface SubjectPlan {
  readonly before: string
  readonly captures: readonly Capture[]
}

/** Throws PatternError if the template uses a name that the path does not have. */
export function createSubjectPlan(template: SubjectTemplate, path: PathPattern): SubjectPlan {
  assertNamesExist(template, path)
  const captures: Capture[] = []
  let text = ''
  // From the end, so that each capture knows what comes after it.
  for (const [index, token] of [...template.entries()].reverse()) {
    if (token.kind === 'literal') {
      text = token.text + text
    } else {
      const segment = path.findIndex(({ kind, text: name }) => kind !== 'literal' && name === token.name)
      captures.unshift({ name: token.name, segment, rest: path[segment]?.kind === 'rest', after: text })
      text = ''
    }
    if (index > 0) text = `.${text}`
  }
  return { before: text, captures }
}

/**
 * The subject for a path that the route matches; undefined if a captured value cannot be a token. Each value becomes
 * exactly one token (of `rest`: each segment), so that no client changes the shape of a subject.
 */
export function renderSubject(plan: SubjectPlan, path: PathScan): string | undefined {
  let subject = plan.before
  for (const capture of plan.captures) {
    const value = capture.rest ? restTokens(path.tail(capture.segment)) : path.texts[capture.segment]
    if (value === undefined) return undefined
    if (!capture.rest && tokenFault(value) !== undefined) return undefined
    if (subject === '' && isReservedFirstToken(firstToken(value))) return undefined
    subject += value + capture.after
  }
  return isTooLong(subject) ? undefined : subject
}

/** Why `renderSubject` refused, in words for the client: it names the parameter and not the subject. */
export function subjectFault(plan: SubjectPlan, path: PathScan): string {
  for (const { name, segment, rest } of plan.captures) {
    const values = rest ? path.tail(segment).split('/').map(decodePercent) : [path.texts[segment]]
    for (const [index, value] of values.entries()) {
      const leads = plan.before === '' && segment === plan.captures[0]?.segment && index === 0
      const fault =
        tokenFault(value) ?? (leads && isReservedFirstToken(value!) ? 'begins with a reserved word' : undefined)
      if (fault !== undefined) return `The value of \`${name}\` in the path ${fault}`
    }
  }
  return 'The values in the path are too long'
}

function restTokens(tail: string): string | undefined {
  if (!tail.includes('/')) {
    const token = decodePercent(tail)
    return tokenFault(token) === undefined ? token : undefined
  }
  const tokens = tail.split('/').map(decodePercent)
  return tokens.every((token) => tokenFault(token) === undefined) ? tokens.join('.') : undefined
}

function tokenFault(token: string | undefined): string | undefined {
  if (token === undefined) return 'is not percent-encoded UTF-8'
  if (token === '') return 'is empty'
  return NOT_IN_A_TOKEN.test(token) ? 'holds `.`, `*`, `>`, white space or a control character' : undefined
}

function firstToken(tokens: string): string {
  const dot = tokens.indexOf('.')
  return dot < 0 ? tokens : tokens.slice(0, dot)
}

function isTooLong(subject: string): boolean {
  // A UTF-16 unit is three bytes of UTF-8 at most.
  return subject.length * 3 > MAX_SUBJECT_BYTES && Buffer.byteLength(subject) > MAX_SUBJECT_BYTES
}
