import type { z } from 'zod'
import type { Kind, RouteSettings } from '../exchange/route.ts'
import { formatBytes, formatDuration } from '../exchange/units.ts'
import { type PolicySpec, toPolicySpecs } from '../policies/policy-list.ts'
import { durationMs } from '../schema/duration.ts'
import { issueMessage } from '../schema/issue-message.ts'
import { sizeBytes } from '../schema/size.ts'
import { type RouteDocument, routeDocumentSchema } from './document.ts'
import type { ParamsDocument } from './subject-params.ts'

export { checkRoutes } from './ambiguity.ts'
export { type RouteDocument, routeDocumentSchema } from './document.ts'
export { replySubjectIssue } from './reply-subjects.ts'

const DEFAULT_TIMEOUT_MS = 10_000
const DEFAULT_IDLE_TIMEOUT_MS = 30_000

/** What a document settles of a route; the rest of its settings needs the router's. */
type SpecSettings = Pick<
  RouteSettings,
  'name' | 'reply' | 'body' | 'websocket' | 'timeoutMs' | 'idleTimeoutMs' | 'maxDurationMs'
>

/** One route, normalised: defaults filled in, units parsed. Plain data. */
export interface RouteSpec extends SpecSettings {
  readonly match: {
    readonly kind: Kind
    /** Lower case. */
    readonly host: string | undefined
    /** Upper case, distinct. */
    readonly methods: readonly string[] | undefined
    /** Undefined for `tcp` only. */
    readonly path: string | undefined
    /** Names in lower case; `*` as the value: present. */
    readonly headers: Readonly<Record<string, string>>
  }
  readonly subject: string
  /** Of the subject: those whose values do not come from the path as they are. */
  readonly params: ParamsDocument
  /** Undefined: the router's `limits.bodyBytes`. */
  readonly maxBodyBytes: number | undefined
  readonly noResponders: { readonly retries: number | undefined; readonly holdMs: number }
  /** Names in lower case, distinct. */
  readonly forwardHeaders: 'all' | 'none' | readonly string[]
  /** The route's own, without the router's defaults. */
  readonly policies: readonly PolicySpec[]
  readonly priority: number
}

/** What is wrong with a route; `path` leads to the key at fault, which may be one that is missing. */
export interface RouteIssue {
  readonly path: readonly (string | number)[]
  readonly message: string
}

export type ParsedRoute =
  | { readonly ok: true; readonly spec: RouteSpec }
  | { readonly ok: false; readonly issues: RouteIssue[] }

/** Parses one route as in YAML: schema, patterns, and whether its keys go together. Everything wrong at once. */
export function parseRoute(input: unknown): ParsedRoute {
  const result = routeDocumentSchema.safeParse(input, { error: issueMessage })
  if (result.success) return { ok: true, spec: normalise(result.data) }
  return { ok: false, issues: result.error.issues.flatMap(toRouteIssues) }
}

function toRouteIssues(issue: z.core.$ZodIssue): RouteIssue[] {
  const path = issue.path.map((key) => (typeof key === 'number' ? key : String(key)))
  if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }]
  // One line for each of them.
  const messages = issue.message.split('\n')
  return issue.keys.map((key, index) => ({ path: [...path, key], message: messages[index] ?? 'unknown key' }))
}

function normalise(route: RouteDocument): RouteSpec {
  const { match, limits, noResponders, forwardHeaders = 'all' } = route
  const conditions = Object.entries(match.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const)
  return {
    name: route.name,
    match: {
      kind: match.kind ?? 'http',
      host: match.host?.toLowerCase(),
      methods: match.methods && distinct(match.methods.map((method) => method.toUpperCase())),
      path: match.path,
      headers: Object.fromEntries(conditions),
    },
    subject: route.subject,
    params: route.params ?? {},
    reply: route.reply ?? 'single',
    body: route.body ?? 'whole',
    websocket: route.websocket ?? 'stream',
    timeoutMs: durationMs(route.timeout, DEFAULT_TIMEOUT_MS),
    idleTimeoutMs: durationMs(route.idleTimeout, DEFAULT_IDLE_TIMEOUT_MS),
    maxDurationMs: durationMs(route.maxDuration, 0),
    maxBodyBytes: limits?.bodyBytes === undefined ? undefined : sizeBytes(limits.bodyBytes),
    noResponders: { retries: noResponders?.retries, holdMs: durationMs(noResponders?.hold, 0) },
    forwardHeaders:
      typeof forwardHeaders === 'string' ? forwardHeaders : distinct(forwardHeaders.map((name) => name.toLowerCase())),
    policies: toPolicySpecs(route.policies),
    priority: route.priority ?? 0,
  }
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)]
}

/** The way back: a document that parses to the same spec, without what is a default. */
export function specToDocument(spec: RouteSpec): RouteDocument {
  const { match, noResponders } = spec
  const hasHeaders = Object.keys(match.headers).length > 0
  const holds = noResponders.holdMs > 0
  return {
    name: spec.name,
    match: {
      ...(match.kind !== 'http' && { kind: match.kind }),
      ...(match.host !== undefined && { host: match.host }),
      ...(match.methods !== undefined && { methods: [...match.methods] }),
      ...(match.path !== undefined && { path: match.path }),
      ...(hasHeaders && { headers: { ...match.headers } }),
    },
    subject: spec.subject,
    ...(Object.keys(spec.params).length > 0 && { params: spec.params }),
    ...(spec.reply !== 'single' && { reply: spec.reply }),
    ...(spec.body !== 'whole' && { body: spec.body }),
    ...(spec.websocket !== 'stream' && { websocket: spec.websocket }),
    ...(spec.timeoutMs !== DEFAULT_TIMEOUT_MS && { timeout: formatDuration(spec.timeoutMs) }),
    ...(spec.idleTimeoutMs !== DEFAULT_IDLE_TIMEOUT_MS && { idleTimeout: formatDuration(spec.idleTimeoutMs) }),
    ...(spec.maxDurationMs !== 0 && { maxDuration: formatDuration(spec.maxDurationMs) }),
    ...(spec.maxBodyBytes !== undefined && { limits: { bodyBytes: formatBytes(spec.maxBodyBytes) } }),
    ...((noResponders.retries !== undefined || holds) && {
      noResponders: {
        ...(noResponders.retries !== undefined && { retries: noResponders.retries }),
        ...(holds && { hold: formatDuration(noResponders.holdMs) }),
      },
    }),
    ...(spec.forwardHeaders !== 'all' && {
      forwardHeaders: spec.forwardHeaders === 'none' ? 'none' : [...spec.forwardHeaders],
    }),
    ...(spec.policies.length > 0 && { policies: spec.policies.map(({ kind, options }) => ({ [kind]: options })) }),
    ...(spec.priority !== 0 && { priority: spec.priority }),
  }
}
