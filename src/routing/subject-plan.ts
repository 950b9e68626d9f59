import type { PathPattern } from './path-pattern.ts'
import type { PathScan } from './path-scan.ts'
import { decodePercent } from './percent.ts'
import { type LateParam, lateParam, type ParamsDocument } from './subject-params.ts'
import {
  assertNamesExist,
  isReservedFirstToken,
  MAX_SUBJECT_BYTES,
  NOT_IN_A_TOKEN,
  type SubjectTemplate,
} from './subject-template.ts'

interface Capture {
  readonly name: string
  /** Found out later; what the path may have for it is kept in its place. */
  readonly late: LateParam | undefined
  /** Which segment of the path; -1: none. */
  readonly segment: number
  readonly rest: boolean
  /** Text between this capture and the next one, dots included. */
  readonly after: string
}

/** A template bound to its path: rendering is `before`, then each capture and what comes after it. */
export interface SubjectPlan {
  readonly before: string
  readonly captures: readonly Capture[]
  /** What `fillLateParams` fills in: until then a rendered subject has its name in braces. */
  readonly late: readonly LateParam[]
}

/** Throws PatternError if the template uses a name that neither the path nor `params` has. */
export function createSubjectPlan(
  template: SubjectTemplate,
  path: PathPattern,
  params: ParamsDocument = {},
): SubjectPlan {
  assertNamesExist(template, path, params)
  const captures: Capture[] = []
  let text = ''
  // From the end, so that each capture knows what comes after it.
  for (const [index, token] of [...template.entries()].reverse()) {
    if (token.kind === 'literal') {
      text = token.text + text
    } else {
      const segment = path.findIndex(({ kind, text: name }) => kind !== 'literal' && name === token.name)
      const late = lateParam(token.name, params)
      captures.unshift({ name: token.name, late, segment, rest: path[segment]?.kind === 'rest', after: text })
      text = ''
    }
    if (index > 0) text = `.${text}`
  }
  return { before: text, captures, late: captures.flatMap(({ late }) => late ?? []) }
}

/**
 * The subject for a path that the route matches; undefined if a captured value cannot be a token. Each value becomes
 * exactly one token (of `rest`: each segment), so that no client changes the shape of a subject.
 */
export function renderSubject(plan: SubjectPlan, path: PathScan): string | undefined {
  let subject = plan.before
  for (const { late, segment, rest, after } of plan.captures) {
    const first = subject === ''
    if (late !== undefined && late.source !== 'path') {
      subject += `{${late.name}}${after}`
      continue
    }
    const value = rest ? restTokens(path.tail(segment), first) : path.texts[segment]
    if (value === undefined || (!rest && tokenFault(value, first) !== undefined)) return undefined
    // A brace is a late value's alone, so that a client cannot write one.
    if (plan.late.length > 0 && /[{}]/.test(value)) return undefined
    subject += (late === undefined ? value : `{${late.name}=${value}}`) + after
  }
  return isTooLong(subject) ? undefined : subject
}

/** Why `renderSubject` refused, in words for the client: they name the parameter and not the subject. */
export function subjectFault(plan: SubjectPlan, path: PathScan): string {
  let first = plan.before === ''
  for (const { name, late, segment, rest } of plan.captures) {
    if (late !== undefined && late.source !== 'path') {
      first = false
      continue
    }
    for (const raw of path.tail(segment).split('/', rest ? undefined : 1)) {
      const fault = tokenFault(decodePercent(raw), first)
      if (fault !== undefined) return `The value of \`${name}\` in the path ${fault}`
      if (plan.late.length > 0 && /[{}]/.test(decodePercent(raw) ?? '')) {
        return `The value of \`${name}\` in the path holds \`{\` or \`}\``
      }
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

/**
 * Why a value cannot be one token, in words for the client.
 * @param first whether the subject would begin with it
 */
export function tokenFault(token: string | undefined, first: boolean): string | undefined {
  if (token === undefined) return 'is not percent-encoded UTF-8'
  if (token === '') return 'is empty'
  if (NOT_IN_A_TOKEN.test(token)) return 'holds `.`, `*`, `>`, white space or a control character'
  return first && isReservedFirstToken(token) ? 'is reserved' : undefined
}

export function isTooLong(subject: string): boolean {
  // A UTF-16 unit is three bytes of UTF-8 at most.
  return subject.length * 3 > MAX_SUBJECT_BYTES && Buffer.byteLength(subject) > MAX_SUBJECT_BYTES
}
