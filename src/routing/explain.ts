/** For `routes explain`: why each route does or does not match. Not for the request path; the same rules as there. */
import { type CompiledRoute, compileRoute } from './compiled-route.ts'
import { allowHeader, type RequestFacts, takesMethod, unmetCondition } from './conditions.ts'
import { matchesHost } from './host.ts'
import { PATH_FAULT, PathScan } from './path-scan.ts'
import { decodePercent } from './percent.ts'
import { comparePrecedence } from './precedence.ts'
import type { RouteSpec } from './spec.ts'
import type { LateParam } from './subject-params.ts'
import { renderSubject, subjectFault } from './subject-plan.ts'
import type { Match } from './table.ts'

/** A request as far as routing looks at it. */
export interface ExplainedRequest extends RequestFacts {
  readonly kind: 'http' | 'ws'
  /** As sent, percent-encoded, without the query. */
  readonly path: string
}

export interface RouteVerdict {
  readonly name: string
  /** What of the request does not fit, for a person; undefined if the route matches. */
  readonly mismatch: string | undefined
}

export interface Explanation {
  /** All routes in the order of precedence: the first that matches is the winner. */
  readonly verdicts: readonly RouteVerdict[]
  readonly winner: RouteSpec | undefined
  /** Of the winner: name and value of each parameter, percent-decoded where that is possible. */
  readonly params: readonly (readonly [name: string, value: string])[]
  /** Empty if there is an error. A late value is its name in braces. */
  readonly subject: string
  /** The values in the subject that are filled in after the policies, each once. */
  readonly late: readonly LateParam[]
  readonly error: Match['error']
  readonly allow: readonly string[]
  /** What the client is told beside the error's title. */
  readonly detail: string
}

interface Verdict extends RouteVerdict {
  readonly route: CompiledRoute
  /** Host, path and headers fit. */
  readonly methodOnly: boolean
}

/** @param specs as they came from `parseRoute` */
export function explainRequest(specs: readonly RouteSpec[], request: ExplainedRequest): Explanation {
  const path = new PathScan()
  const isPath = path.read(request.path, Number.POSITIVE_INFINITY)
  const routes = specs.map(compileRoute).sort(comparePrecedence)
  const judged = routes.map((route) => judge(route, request, isPath ? path : undefined))
  const verdicts = judged.map(({ name, mismatch }) => ({ name, mismatch }))
  if (!isPath) {
    return { verdicts, winner: undefined, params: [], ...failed('bad_request', PATH_FAULT) }
  }
  const winner = judged.find(({ mismatch }) => mismatch === undefined)?.route
  const params = winner === undefined ? [] : capturedBy(winner, path)
  return { verdicts, winner: winner?.spec, params, ...outcome(winner, judged, path) }
}

function outcome(
  winner: CompiledRoute | undefined,
  verdicts: readonly Verdict[],
  path: PathScan,
): Pick<Explanation, 'subject' | 'late' | 'error' | 'allow' | 'detail'> {
  if (winner !== undefined) {
    const subject = renderSubject(winner.subject, path)
    if (subject === undefined) return failed('subject_invalid', subjectFault(winner.subject, path))
    const late = [...new Map(winner.subject.late.map((param) => [param.name, param])).values()]
    // What the path has for a late value is among the parameters. Without late ones, a brace is the path's own.
    const shown = late.length > 0 ? subject.replace(/\{([^{}=]+)=[^{}]*\}/g, '{$1}') : subject
    return { subject: shown, late, error: undefined, allow: [], detail: '' }
  }
  const allow = allowHeader(verdicts.flatMap(({ route, methodOnly }) => (methodOnly ? [...(route.methods ?? [])] : [])))
  return { ...failed(allow.length > 0 ? 'method_not_allowed' : 'no_route', ''), allow }
}

function failed(error: Match['error'], detail: string) {
  return { subject: '', late: [], error, allow: [], detail }
}

function judge(route: CompiledRoute, request: ExplainedRequest, path: PathScan | undefined): Verdict {
  const mismatch = mismatchBesideMethod(route, request, path)
  const methodOnly = mismatch === undefined && !takesMethod(route.methods, request.method)
  const { name, match } = route.spec
  if (!methodOnly) return { route, name, mismatch, methodOnly }
  return { route, name, methodOnly, mismatch: `method: ${request.method} is not one of ${match.methods?.join(', ')}` }
}

function mismatchBesideMethod(
  route: CompiledRoute,
  request: ExplainedRequest,
  path: PathScan | undefined,
): string | undefined {
  const { match } = route.spec
  if (match.kind === 'tcp') return 'kind: tcp routes are reached by name, from a listener'
  if (match.kind !== request.kind) return `kind: the route is for ${match.kind}, the request is ${request.kind}`
  if (!matchesHost(route.host, request.host)) return `host: \`${request.host}\` is not \`${match.host}\``
  const pathMismatch = path === undefined ? 'it is malformed' : mismatchOfPath(route, path)
  if (pathMismatch !== undefined) return `path: ${pathMismatch}`
  const [header, value] = unmetCondition(route.headers, request) ?? []
  if (header === undefined) return undefined
  return value === '*' ? `header: \`${header}\` is missing` : `header: \`${header}\` is not \`${value}\``
}

function mismatchOfPath({ path: pattern }: CompiledRoute, path: PathScan): string | undefined {
  for (const [index, { kind, text }] of pattern.entries()) {
    if (index >= path.texts.length) return `segment ${index + 1} is missing`
    if (kind === 'rest') return undefined
    const segment = path.texts[index]
    if (kind === 'literal' && segment !== text) {
      return `segment ${index + 1} is \`${segment ?? 'malformed'}\`, not \`${text}\``
    }
  }
  if (path.texts.length > pattern.length) return `segment ${pattern.length + 1} is one too many`
  return undefined
}

function capturedBy({ path: pattern }: CompiledRoute, path: PathScan): [string, string][] {
  return pattern.flatMap(({ kind, text: name }, index): [string, string][] => {
    if (kind === 'literal') return []
    const tail = path.tail(index)
    const value = kind === 'rest' ? tail : tail.split('/', 1).join()
    return [[name, decodePercent(value) ?? value]]
  })
}
