import fc from 'fast-check'
import { parseHost } from '../../../src/routing/host.ts'
import { parsePath } from '../../../src/routing/path-pattern.ts'
import { PathScan } from '../../../src/routing/path-scan.ts'
import { PatternError } from '../../../src/routing/pattern-error.ts'
import { createSubjectPlan, renderSubject, subjectFault } from '../../../src/routing/subject-plan.ts'
import { parseTemplate } from '../../../src/routing/subject-template.ts'
import { arbitraryTemplate, hostileSegment } from '../../routing/arbitrary-subjects.ts'
import { assertSubjectShape } from '../../routing/subject-shape.ts'
import { pureTarget } from '../target.ts'

const MAX_SEGMENTS = 65

const odd = fc.oneof(
  fc.constantFrom(
    '{a}',
    '{rest...}',
    '{',
    '}',
    '{}',
    '{...}',
    '{a b}',
    '{a.b}',
    '*',
    '>',
    '..',
    '%',
    '%zz',
    '%2F',
    '$SYS',
  ),
  fc.string({ unit: 'binary', maxLength: 6 }),
)
const oddPath = fc.array(odd, { maxLength: 5 }).map((parts) => `/${parts.join('/')}`)
const oddTemplate = fc.array(odd, { maxLength: 5 }).map((parts) => parts.join('.'))

const cases = fc.record({
  document: fc.oneof(arbitraryTemplate, fc.record({ pattern: oddPath, template: oddTemplate })),
  host: fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.constantFrom('*.a', '[::1]', 'a:80', '*.*', 'xn--a')),
  segments: fc.array(hostileSegment, { minLength: 1, maxLength: 7 }),
})

/** Patterns and templates that are taken or refused in words, and the subjects that hostile paths make of them. */
export const patternsTarget = pureTarget('patterns', cases, ({ document, host, segments }) => {
  orPatternError(() => parseHost(host))
  const parsed = orPatternError(() => {
    const path = parsePath(document.pattern)
    return { path, plan: createSubjectPlan(parseTemplate(document.template), path) }
  })
  if (parsed === undefined) return
  const { path, plan } = parsed
  const rest = path.at(-1)?.kind === 'rest' ? path.at(-1) : undefined
  while (segments.length < path.length) segments.push('a')
  if (rest === undefined) segments.length = path.length
  const scan = new PathScan()
  if (!scan.read(`/${segments.join('/')}`, MAX_SEGMENTS)) return
  const subject = renderSubject(plan, scan)
  if (subject === undefined) subjectFault(plan, scan)
  else assertSubjectShape(document.template, subject, rest && { [rest.text]: segments.length - path.length + 1 })
})

function orPatternError<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    return undefined
  }
}
