import type { CompiledRoute } from './compiled-route.ts'
import { allowHeader, type RequestFacts } from './conditions.ts'
import type { PathScan } from './path-scan.ts'
import { PathTree } from './path-tree.ts'

/** The routes of one kind: a tree of paths for each host pattern. */
export class HostIndex<T extends CompiledRoute> {
  /** How many segments of a path must be split: one more than any route has, so that longer ones are known. */
  readonly maxSegments: number
  readonly #exact = new Map<string, PathTree<T>>()
  readonly #suffixes = new Map<string, PathTree<T>>()
  readonly #any = new PathTree<T>()

  /** @param routes in the order of precedence */
  constructor(routes: readonly T[]) {
    let longest = 0
    for (const route of routes) {
      this.#treeFor(route).add(route)
      longest = Math.max(longest, route.path.length)
    }
    this.maxSegments = longest + 1
  }

  find(request: RequestFacts, path: PathScan): T | undefined {
    return this.#search(request, path, undefined)
  }

  /** The methods that routes for this host, path and headers take, sorted; empty if there is no such route. */
  allowedMethods(request: RequestFacts, path: PathScan): readonly string[] {
    const allow = new Set<string>()
    this.#search(request, path, allow)
    return allowHeader(allow)
  }

  #search(request: RequestFacts, path: PathScan, allow: Set<string> | undefined): T | undefined {
    const { host } = request
    const exact = this.#exact.get(host)?.find(request, path, allow)
    if (exact !== undefined) return exact
    // Longer suffixes first. A dot at the very start has no label before it.
    for (let dot = this.#suffixes.size > 0 ? host.indexOf('.', 1) : -1; dot > 0; dot = host.indexOf('.', dot + 1)) {
      const found = this.#suffixes.get(host.slice(dot))?.find(request, path, allow)
      if (found !== undefined) return found
    }
    return this.#any.find(request, path, allow)
  }

  #treeFor({ host }: T): PathTree<T> {
    if (host.kind === 'any') return this.#any
    const trees = host.kind === 'exact' ? this.#exact : this.#suffixes
    let tree = trees.get(host.text)
    if (tree === undefined) {
      tree = new PathTree()
      trees.set(host.text, tree)
    }
    return tree
  }
}
