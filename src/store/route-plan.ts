import { isDeepStrictEqual } from 'node:util'
import { parseRoute, type RouteDocument, type RouteSpec } from '../routing/spec.ts'
import type { RoutesSnapshot } from './routes-table.ts'

/** One value of a route that changes; undefined: the default. */
export interface FieldChange {
  /** As in YAML: `match.path`. */
  readonly field: string
  readonly from: unknown
  readonly to: unknown
}

export interface RouteChange {
  readonly name: string
  readonly changes: readonly FieldChange[]
}

/** What an apply does, sorted by name. */
export interface RoutePlan {
  readonly added: readonly string[]
  readonly changed: readonly RouteChange[]
  readonly removed: readonly string[]
  readonly unchanged: number
}

/** A route that the table is to have, in both of its forms. */
export interface WantedRoute {
  readonly spec: RouteSpec
  readonly document: RouteDocument
}

/**
 * What it takes to make the table hold these routes. A route is changed if it would behave differently, not if it is
 * merely written differently; a quarantined row of the same name counts as changed.
 * @param prune whether routes of the table that are not named go
 */
export function planRoutes(current: RoutesSnapshot, wanted: readonly WantedRoute[], prune: boolean): RoutePlan {
  const specs = new Map(current.specs.map((spec) => [spec.name, spec]))
  const documents = new Map<string, unknown>([
    ...current.specs.map((spec, index) => [spec.name, current.documents[index]] as const),
    ...current.quarantined.map(({ name, document }) => [name, document] as const),
  ])
  const added: string[] = []
  const changed: RouteChange[] = []
  let unchanged = 0
  for (const { spec, document } of wanted) {
    if (!documents.has(spec.name)) added.push(spec.name)
    else if (isDeepStrictEqual(specs.get(spec.name), spec)) unchanged++
    else changed.push({ name: spec.name, changes: fieldChanges(documents.get(spec.name), document) })
  }
  const names = new Set(wanted.map(({ spec }) => spec.name))
  return {
    added: added.sort(),
    changed: changed.sort((a, b) => (a.name < b.name ? -1 : 1)),
    removed: prune ? [...documents.keys()].filter((name) => !names.has(name)).sort() : [],
    unchanged,
  }
}

/** Whether there is nothing to do. */
export function isEmptyPlan({ added, changed, removed }: RoutePlan): boolean {
  return added.length === 0 && changed.length === 0 && removed.length === 0
}

/** Whether two lists of routes behave the same, in whatever order and words they are written. */
export function areSameRoutes(some: readonly RouteDocument[], others: readonly RouteDocument[]): boolean {
  return isDeepStrictEqual(specsByName(some), specsByName(others))
}

function specsByName(documents: readonly RouteDocument[]): ReadonlyMap<string, unknown> {
  return new Map(
    documents.map((document) => {
      const parsed = parseRoute(document)
      return [document.name, parsed.ok ? parsed.spec : document]
    }),
  )
}

function fieldChanges(from: unknown, to: unknown): readonly FieldChange[] {
  const before = leaves(from)
  const after = leaves(to)
  const fields = new Set([...before.keys(), ...after.keys()])
  return [...fields]
    .filter((field) => !isDeepStrictEqual(before.get(field), after.get(field)))
    .map((field) => ({ field, from: before.get(field), to: after.get(field) }))
}

/** `{ match: { path: '/a' } }` as `match.path` -> `/a`. Lists are values. */
function leaves(value: unknown, prefix = '', into = new Map<string, unknown>()): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    into.set(prefix, value)
    return into
  }
  for (const [key, field] of Object.entries(value)) leaves(field, prefix === '' ? key : `${prefix}.${key}`, into)
  return into
}
