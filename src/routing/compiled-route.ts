import type { HeaderCondition } from './conditions.ts'
import { type HostPattern, parseHost } from './host.ts'
import { type PathPattern, parsePath } from './path-pattern.ts'
import type { RouteSpec } from './spec.ts'
import { createSubjectPlan, type SubjectPlan } from './subject-plan.ts'
import { parseTemplate } from './subject-template.ts'

/** A spec with its patterns parsed: all that matching needs. */
export interface CompiledRoute {
  readonly spec: RouteSpec
  readonly host: HostPattern
  /** Empty for tcp, which is reached by name. */
  readonly path: PathPattern
  readonly methods: ReadonlySet<string> | undefined
  readonly headers: readonly HeaderCondition[]
  readonly subject: SubjectPlan
}

/** Throws PatternError if the spec did not come from `parseRoute`. */
export function compileRoute(spec: RouteSpec): CompiledRoute {
  const { match } = spec
  const path = match.path === undefined ? [] : parsePath(match.path)
  return {
    spec,
    host: parseHost(match.host),
    path,
    methods: match.methods && new Set(match.methods),
    headers: Object.entries(match.headers),
    subject: createSubjectPlan(parseTemplate(spec.subject), path, spec.params),
  }
}
