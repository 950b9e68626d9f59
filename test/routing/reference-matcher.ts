/** The rules of docs/routes.md in the plainest form: try every route, then compare those that match. Shares no code. */
import type { RouteSpec } from '../../src/routing/spec.ts'
import type { GeneratedRequest } from './arbitrary-routes.ts'

export interface ReferenceMatch {
  readonly route: RouteSpec | undefined
  /** Of the winner; undefined if it cannot be rendered. */
  readonly subject: string | undefined
  /** If only the method was wrong. */
  readonly allow: readonly string[]
}

export function referenceMatch(specs: readonly RouteSpec[], request: GeneratedRequest): ReferenceMatch {
  const candidates = specs.filter((spec) => matchesAllButMethod(spec, request))
  const matching = candidates.filter((spec) => methodsTaken(spec, request.method).includes(request.method))
  const [route] = matching.sort((a, b) => (lessThan(rank(a), rank(b)) ? -1 : 1))
  if (route !== undefined) return { route, subject: referenceSubject(route, request.path), allow: [] }
  return { route, subject: undefined, allow: [...new Set(candidates.flatMap((spec) => methodsTaken(spec)))].sort() }
}

/** All routes that match and that no rule prefers another to; more than one is an ambiguity. */
export function referenceTies(specs: readonly RouteSpec[], request: GeneratedRequest): RouteSpec[] {
  const matching = specs.filter(
    (spec) => matchesAllButMethod(spec, request) && methodsTaken(spec, request.method).includes(request.method),
  )
  return matching.filter((spec) => !matching.some((other) => lessThan(rank(other), rank(spec))))
}

function matchesAllButMethod({ match }: RouteSpec, request: GeneratedRequest): boolean {
  const { host = request.host } = match
  const hostFits = host.startsWith('*.') ? new RegExp(`.${host.slice(1)}$`).test(request.host) : host === request.host
  const headersFit = Object.entries(match.headers).every(([name, value]) => {
    const at = request.headers.findIndex((text, index) => index % 2 === 0 && text === name)
    return at >= 0 && (value === '*' || value === request.headers[at + 1])
  })
  return match.kind === request.kind && hostFits && headersFit && capture(match.path ?? '', request.path) !== undefined
}

/** With GET comes HEAD. Without a list: any, which is the one asked for. */
function methodsTaken({ match: { methods } }: RouteSpec, asked?: string): string[] {
  if (methods === undefined) return asked === undefined ? [] : [asked]
  return methods.includes('GET') ? [...methods, 'HEAD'] : [...methods]
}

/** Parameters by name, each a list of decoded segments; undefined if the path does not match. */
function capture(pattern: string, path: string): Map<string, (string | undefined)[]> | undefined {
  const wanted = pattern.slice(1).split('/')
  const segments = path.slice(1).split('/').map(decode)
  const captured = new Map<string, (string | undefined)[]>()
  for (const [index, text] of wanted.entries()) {
    if (index >= segments.length) return undefined
    if (text.endsWith('...}')) return captured.set(text.slice(1, -4), segments.slice(index))
    if (text.startsWith('{')) captured.set(text.slice(1, -1), [segments[index]])
    else if (decode(text) !== segments[index]) return undefined
  }
  return segments.length === wanted.length ? captured : undefined
}

function referenceSubject({ match, subject }: RouteSpec, path: string): string | undefined {
  const captured = capture(match.path ?? '', path)
  const tokens = subject
    .split('.')
    .flatMap((token) => (token.startsWith('{') ? (captured?.get(token.slice(1, -1)) ?? [undefined]) : [token]))
  const fine = tokens.every((token) => token !== undefined && token !== '' && !/[.*>\s\p{Cc}]/u.test(token))
  return fine && !tokens[0]?.startsWith('$') ? tokens.join('.') : undefined
}

/** Smaller comes first. */
function rank({ match, priority }: RouteSpec): readonly (number | readonly number[])[] {
  const wildcard = match.host?.startsWith('*.')
  const host = match.host === undefined ? 2 : wildcard ? 1 : 0
  const suffix = wildcard ? -(match.host ?? '').length : 0
  const path = (match.path ?? '').slice(1).split('/')
  return [
    host,
    suffix,
    path.map((text) => (text.endsWith('...}') ? 2 : text.startsWith('{') ? 1 : 0)),
    match.methods?.length ?? 1000,
    -Object.keys(match.headers).length,
    -priority,
    match.methods?.includes('GET') && !match.methods.includes('HEAD') ? 1 : 0,
  ]
}

function lessThan(a: readonly (number | readonly number[])[], b: readonly (number | readonly number[])[]): boolean {
  const left = a.flat()
  const right = b.flat()
  // Of two paths that match the same request, one is longer only behind a rest, where the other already differs.
  for (const [index, value] of left.entries()) {
    if (value !== right[index]) return value < (right[index] ?? 0)
  }
  return false
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
