/** The one order of routes (docs/routes.md, "Precedence"): of the routes that match a request, the first one wins. */
import type { CompiledRoute } from './compiled-route.ts'
import type { PathPattern } from './path-pattern.ts'

const HOST_RANK = { exact: 0, suffix: 1, any: 2 } as const
const SEGMENT_RANK = { literal: 0, param: 1, rest: 2 } as const

/** Negative if `a` comes first. Total: what the rules leave open is settled by HEAD and then by name. */
export function comparePrecedence(a: CompiledRoute, b: CompiledRoute): number {
  return (
    HOST_RANK[a.host.kind] - HOST_RANK[b.host.kind] ||
    b.host.text.length - a.host.text.length ||
    comparePaths(a.path, b.path) ||
    compareConditions(a, b) ||
    // Of a route for GET and one for HEAD, HEAD goes to the one that names it.
    Number(takesHeadAsGet(a)) - Number(takesHeadAsGet(b)) ||
    compareText(a.spec.name, b.spec.name)
  )
}

/** The rules that come after host and path. 0 for two routes that take the same requests is an ambiguity. */
export function compareConditions(a: CompiledRoute, b: CompiledRoute): number {
  return methodCount(a) - methodCount(b) || b.headers.length - a.headers.length || b.spec.priority - a.spec.priority
}

function comparePaths(a: PathPattern, b: PathPattern): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const order = SEGMENT_RANK[a[index]!.kind] - SEGMENT_RANK[b[index]!.kind]
    if (order !== 0) return order
  }
  // No path fits both, but a sort needs an order that is consistent.
  return b.length - a.length
}

function methodCount({ methods }: CompiledRoute): number {
  return methods === undefined ? Number.MAX_SAFE_INTEGER : methods.size
}

function takesHeadAsGet({ methods }: CompiledRoute): boolean {
  return methods?.has('GET') === true && !methods.has('HEAD')
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
