/** Routes and requests out of small alphabets, so that they meet often. */
import fc from 'fast-check'
import { checkRoutes, type RouteDocument, type RouteSpec } from '../../src/routing/spec.ts'
import { specOf } from './routes.ts'

const segments = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('a', '{}', '{}') },
  { weight: 1, arbitrary: fc.constantFrom('b', 'a%2Fb', 'é', '__proto__') },
)

/** Paths with their parameters named by position. */
const paths = fc
  .record({ segments: fc.array(segments, { maxLength: 2 }), end: fc.constantFrom('a', '{}', '{}', '{...}', '') })
  .map((path) => [...path.segments, path.end].map((text, index) => text.replace(/^\{(\.*)\}$/, `{p${index}$1}`)))

/** Tokens of a subject: a literal, or the n-th parameter of the path, if it has any. */
const picks = fc.array(fc.oneof(fc.constantFrom('orders', 'x'), fc.nat(3)), { minLength: 1, maxLength: 4 })

function subjectFor(path: readonly string[], picks: readonly (string | number)[]): string {
  const names = path.filter((text) => text.startsWith('{')).map((text) => text.replace('...', ''))
  return picks.map((pick) => (typeof pick === 'string' ? pick : (names[pick % names.length] ?? 'y'))).join('.')
}

const kinds = fc.constantFrom(...(['http', 'http', 'http', 'http', 'ws'] as const))
const methods = fc.uniqueArray(fc.constantFrom('GET', 'HEAD', 'POST'), { minLength: 1 })
const headers = fc.dictionary(fc.constantFrom('x-a', '__proto__'), fc.constantFrom('1', '2', '*'), { maxKeys: 2 })
const hosts = fc.constantFrom('h.com', 'x.h.com', '*.com', '*.h.com')

const rarelySet = fc.record(
  {
    reply: fc.constantFrom('single' as const, 'many' as const),
    body: fc.constantFrom('whole' as const, 'stream' as const),
    websocket: fc.constantFrom('stream' as const, 'rpc' as const),
    timeout: fc.constantFrom('1ms', '1.5s', '10s', '24h'),
    idleTimeout: fc.constantFrom('1ms', '30s', '90s'),
    maxDuration: fc.constantFrom('0s', '1h', '30d'),
    limits: fc.record({ bodyBytes: fc.constantFrom(0, 1000, '1KiB', '1.5MiB', '2GB') }),
    noResponders: fc.record({ retries: fc.nat(10), hold: fc.constantFrom('0', '250ms', '1m') }, { requiredKeys: [] }),
    forwardHeaders: fc.constantFrom('all' as const, 'none' as const, ['Accept'], []),
    priority: fc.constantFrom(0, 0, 0, 1, -1),
  },
  { requiredKeys: [] },
)

/** Mostly nothing: routes with many conditions seldom meet. */
function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 2, arbitrary })
}

const conditions = fc.record({
  kind: kinds,
  host: seldom(hosts),
  methods: seldom(methods),
  headers: seldom(headers),
})

/** Any valid route with a path. */
export const routeDocuments: fc.Arbitrary<RouteDocument> = fc
  .record({ path: paths, picks, conditions, rest: rarelySet })
  .map(({ path, picks, conditions, rest }) => ({
    name: 'any',
    match: { path: `/${path.join('/')}`, ...conditions },
    subject: subjectFor(path, picks),
    ...rest,
  }))

/** Specs with distinct names, ambiguous ones and all. */
export const routeSpecs: fc.Arbitrary<RouteSpec[]> = fc
  .array(routeDocuments, { minLength: 2, maxLength: 12, size: 'max' })
  .map((documents) => documents.map((document, index) => specOf({ ...document, name: `r${index}` })))

/** Specs that may be one table. */
export const routeSets: fc.Arbitrary<RouteSpec[]> = routeSpecs.map((specs) => {
  const refused = new Set(checkRoutes(specs).map(({ path }) => path[1]))
  return specs.filter((_, index) => !refused.has(index))
})

export interface GeneratedRequest {
  readonly kind: 'http' | 'ws'
  readonly method: string
  readonly host: string
  readonly path: string
  readonly headers: readonly string[]
}

const requestSegments = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', '%61') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...['c', 'a%2Fb', 'a/b', '%C3%A9', '__proto__', '', '..', '%', '%ff', 'x.y', '%20', '%2A', 'p$'],
    ),
  },
)

export const requests: fc.Arbitrary<GeneratedRequest> = fc.record({
  kind: kinds,
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'POST', 'get'),
  host: fc.constantFrom('h.com', 'x.h.com', 'x.h.com', 'y.x.h.com', 'z.com', ''),
  path: fc.array(requestSegments, { minLength: 1, maxLength: 4 }).map((texts) => `/${texts.join('/')}`),
  headers: fc
    .array(fc.tuple(fc.constantFrom('x-a', '__proto__', 'host'), fc.constantFrom('1', '2', '')), { maxLength: 3 })
    .map((pairs) => pairs.flat()),
})
