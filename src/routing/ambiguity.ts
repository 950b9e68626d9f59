import { type CompiledRoute, compileRoute } from './compiled-route.ts'
import { compareConditions } from './precedence.ts'
import type { RouteIssue, RouteSpec } from './spec.ts'

/**
 * What is wrong between routes: names used twice, and pairs that can match the same request with nothing to prefer
 * one. The issue is at the later route and names the first earlier one it collides with; paths begin with `routes`.
 */
export function checkRoutes(specs: readonly RouteSpec[]): RouteIssue[] {
  const issues: RouteIssue[] = []
  const names = new Map<string, number>()
  const places = new Map<string, CompiledRoute[]>()
  for (const [index, spec] of specs.entries()) {
    const first = names.get(spec.name)
    if (first !== undefined) issues.push({ path: ['routes', index, 'name'], message: nameTaken(first) })
    else names.set(spec.name, index)
    if (spec.match.kind === 'tcp') continue
    const route = compileRoute(spec)
    const place = placeOf(route)
    const others = places.get(place) ?? []
    const rival = others.find((other) => isAmbiguous(other, route))
    if (rival !== undefined) issues.push({ path: ['routes', index, 'match'], message: ambiguity(route, rival) })
    others.push(route)
    places.set(place, others)
  }
  return issues
}

/** Routes are ambiguous only within one place: same kind, host and path, names of parameters aside. */
function placeOf({ spec, host, path }: CompiledRoute): string {
  const segments = path.map(({ kind, text }) => (kind === 'literal' ? encodeURIComponent(text) : `{${kind}}`))
  return `${spec.match.kind} ${host.kind} ${host.text}/${segments.join('/')}`
}

function isAmbiguous(a: CompiledRoute, b: CompiledRoute): boolean {
  return compareConditions(a, b) === 0 && shareMethod(a, b) && !contradict(a, b)
}

/** HEAD by way of GET does not count: `comparePrecedence` settles that. Both or neither have methods. */
function shareMethod(a: CompiledRoute, b: CompiledRoute): boolean {
  const { methods } = b
  if (a.methods === undefined || methods === undefined) return true
  return [...a.methods].some((method) => methods.has(method))
}

/** Whether a header would need two values at once. */
function contradict(a: CompiledRoute, b: CompiledRoute): boolean {
  const wanted = new Map(a.headers)
  return b.headers.some(([name, value]) => {
    const other = wanted.get(name)
    return other !== undefined && other !== value && other !== '*' && value !== '*'
  })
}

function nameTaken(byIndex: number): string {
  return `the name is taken by routes[${byIndex}]: choose another`
}

function ambiguity({ spec }: CompiledRoute, rival: CompiledRoute): string {
  return (
    `route \`${spec.name}\` and route \`${rival.spec.name}\` can match the same request and neither takes precedence: ` +
    'change the host, path, methods or headers of one, or give one a higher priority'
  )
}
