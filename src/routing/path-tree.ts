import type { CompiledRoute } from './compiled-route.ts'
import { type RequestFacts, takesMethod, unmetCondition } from './conditions.ts'
import type { PathScan } from './path-scan.ts'

interface Node<T> {
  /** A Map: a segment may be called `__proto__`. */
  literals: Map<string, Node<T>> | undefined
  param: Node<T> | undefined
  /** Routes that end here, and those whose `{rest...}` begins here, in the order of precedence. */
  readonly here: T[]
  readonly rest: T[]
}

/**
 * Paths of one host, by segment. The depth-first order literal, param, rest is the order of precedence, so the first
 * hit wins. A lookup visits each node at most once, whatever the path: hostile paths cost no more than the routes do.
 */
export class PathTree<T extends CompiledRoute> {
  readonly #root: Node<T> = createNode()

  /** In the order of precedence. */
  add(route: T): void {
    let node = this.#root
    for (const { kind, text } of route.path) {
      if (kind === 'rest') {
        node.rest.push(route)
        return
      }
      node = kind === 'literal' ? literalChild(node, text) : paramChild(node)
    }
    node.here.push(route)
  }

  /** With `allow`, which is for after a search in vain: finds nothing, but adds the methods that would have done. */
  find(request: RequestFacts, path: PathScan, allow: Set<string> | undefined): T | undefined {
    return findBelow(this.#root, 0, request, path, allow)
  }
}

function findBelow<T extends CompiledRoute>(
  node: Node<T>,
  depth: number,
  request: RequestFacts,
  path: PathScan,
  allow: Set<string> | undefined,
): T | undefined {
  if (depth === path.texts.length) return pick(node.here, request, allow)
  const text = path.texts[depth]
  const literal = text === undefined ? undefined : node.literals?.get(text)
  if (literal !== undefined) {
    const found = findBelow(literal, depth + 1, request, path, allow)
    if (found !== undefined) return found
  }
  if (node.param !== undefined) {
    const found = findBelow(node.param, depth + 1, request, path, allow)
    if (found !== undefined) return found
  }
  return pick(node.rest, request, allow)
}

function pick<T extends CompiledRoute>(
  routes: readonly T[],
  request: RequestFacts,
  allow: Set<string> | undefined,
): T | undefined {
  for (const route of routes) {
    if (allow === undefined && !takesMethod(route.methods, request.method)) continue
    if (unmetCondition(route.headers, request) !== undefined) continue
    if (allow === undefined) return route
    for (const name of route.methods ?? []) allow.add(name)
  }
  return undefined
}

function literalChild<T>(node: Node<T>, text: string): Node<T> {
  node.literals ??= new Map()
  let child = node.literals.get(text)
  if (child === undefined) {
    child = createNode()
    node.literals.set(text, child)
  }
  return child
}

function paramChild<T>(node: Node<T>): Node<T> {
  node.param ??= createNode()
  return node.param
}

function createNode<T>(): Node<T> {
  return { literals: undefined, param: undefined, here: [], rest: [] }
}
