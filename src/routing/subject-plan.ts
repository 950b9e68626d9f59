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
  for (const { segment, rest, after } of plan.captures) {
    const first = subject === ''
    const value = rest ? restTokens(path.tail(segment), first) : path.texts[segment]
    if (value === undefined || (!rest && tokenFault(value, first) !== undefined)) return undefined
    subject += value + after
  }
  return isTooLong(subject) ? undefined : subject
}

/** Why `renderSubject` refused, in words for the client: they name the parameter and not the subject. */
export function subjectFault(plan: SubjectPlan, path: PathScan): string {
  let first = plan.before === ''
  for (const { name, segment, rest } of plan.captures) {
    for (const raw of path.tail(segment).split('/', rest ? undefined : 1)) {
      const fault = tokenFault(decodePercent(raw), first)
      if (fault !== undefined) return `The value of \`${name}\` in the path ${fault}`
      first = false
    }
  }
  return 'The values in the path are too long'
}

function restTokens(tail: string, first: boolean): string | undefined {
  let tokens = ''
  // Stops at the first fault: a hostile path may hold thousands of segments, and each that is malformed costs a throw.
  for (const segment of tail.split('/')) {
    const token = decodePercent(segment)
    if (tokenFault(token, first && tokens === '') !== undefined) return undefined
    tokens += tokens === '' ? token : `.${token}`
  }
  return tokens
}

/** @param first whether the subject would begin with it */
function tokenFault(token: string | undefined, first: boolean): string | undefined {
  if (token === undefined) return 'is not percent-encoded UTF-8'
  if (token === '') return 'is empty'
  if (NOT_IN_A_TOKEN.test(token)) return 'holds `.`, `*`, `>`, white space or a control character'
  return first && isReservedFirstToken(token) ? 'is reserved' : undefined
}

function isTooLong(subject: string): boolean {
  // A UTF-16 unit is three bytes of UTF-8 at most.
  return subject.length * 3 > MAX_SUBJECT_BYTES && Buffer.byteLength(subject) > MAX_SUBJECT_BYTES
}
