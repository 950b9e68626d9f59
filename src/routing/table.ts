import type { Dispatch, RequestHead } from '../exchange/exchange.ts'
import type { Kind, Route, RouteService, RouteSettings } from '../exchange/route.ts'
import { type CompiledRoute, compileRoute } from './compiled-route.ts'
import type { RequestFacts } from './conditions.ts'
import { HostIndex } from './host-index.ts'
import { fillLateParams } from './late-subject.ts'
import { PATH_FAULT, PathScan } from './path-scan.ts'
import { comparePrecedence } from './precedence.ts'
import { keepFromReplies } from './reply-subjects.ts'
import type { RouteSpec } from './spec.ts'
import { renderSubject, subjectFault } from './subject-plan.ts'
import { WorkspaceDirectory } from './workspace-directory.ts'

/** What `match` fills in; one object serves its caller for all requests. */
export interface Match {
  /** Set with `subject_invalid` too: the request has a route, though no subject. */
  route: Route | undefined
  /** Empty on error. */
  subject: string
  error: 'no_route' | 'method_not_allowed' | 'subject_invalid' | 'bad_request' | undefined
  /** Of `method_not_allowed`: sorted and distinct. */
  allow: readonly string[]
  /** Client-safe; empty if there is nothing to add to the error's title. */
  detail: string
}

/** A match with nothing in it yet. */
export function createMatch(): Match {
  return { route: undefined, subject: '', error: undefined, allow: NO_METHODS, detail: '' }
}

function clear(match: Match): void {
  match.route = undefined
  match.subject = ''
  match.error = undefined
  match.allow = NO_METHODS
  match.detail = ''
}

export interface TableOptions {
  readonly revision: number
  /** What serves a route in the end; called once for each. */
  readonly dispatch: (route: RouteSettings, spec: RouteSpec) => Dispatch
  /** Of the inboxes that no route may lead to; default: `_INBOX` alone. */
  readonly inboxPrefix?: string
  /** For subjects that name one. */
  readonly workspaces?: WorkspaceDirectory
  /** Puts policies around that, and whatever else is to see a request before. */
  readonly protect?: (route: RouteSettings, spec: RouteSpec, service: RouteService) => RouteService
  /** For routes without a limit of their own. */
  readonly defaultMaxBodyBytes: number
}

interface TableEntry extends CompiledRoute {
  readonly route: Route
}

const NO_METHODS: readonly string[] = []

/**
 * Compiles specs that came from `parseRoute`. Routes that `checkRoutes` would refuse are taken, and decided by name;
 * of two with one name, `byName` gives the first in the order of precedence.
 */
export function compileTable(specs: readonly RouteSpec[], options: TableOptions): RouteTable {
  const entries = specs.map((spec) => {
    const compiled = compileRoute(spec)
    return { ...compiled, route: createRoute(compiled, options) }
  })
  return new RouteTable(options.revision, entries.sort(comparePrecedence))
}

/** An immutable snapshot of all routes. Looks up one request at a time, with scratch space of its own. */
export class RouteTable {
  readonly revision: number
  /** In the order of precedence. */
  readonly routes: readonly Route[]
  /** What they were compiled from, in the same order. */
  readonly specs: readonly RouteSpec[]
  readonly #hosts: Readonly<Record<'http' | 'ws', HostIndex<TableEntry>>>
  readonly #names = new Map<string, TableEntry>()
  readonly #scan = new PathScan()

  /** @param entries in the order of precedence */
  constructor(revision: number, entries: readonly TableEntry[]) {
    this.revision = revision
    this.routes = entries.map(({ route }) => route)
    this.specs = entries.map(({ spec }) => spec)
    this.#hosts = { http: createIndex(entries, 'http'), ws: createIndex(entries, 'ws') }
    for (const entry of entries) {
      if (!this.#names.has(entry.spec.name)) this.#names.set(entry.spec.name, entry)
    }
  }

  get size(): number {
    return this.routes.length
  }

  byName(name: string): Route | undefined {
    return this.#names.get(name)?.route
  }

  /**
   * Finds the route and renders the subject.
   * @param kind whose routes to look among; a tcp route has no path and is found by `matchName`
   */
  match(request: RequestHead, out: Match, kind: Kind = request.kind): void {
    clear(out)
    if (kind === 'tcp') {
      out.error = 'no_route'
      return
    }
    const index = this.#hosts[kind]
    if (!this.#scan.read(request.path, index.maxSegments)) {
      out.error = 'bad_request'
      out.detail = PATH_FAULT
      return
    }
    const entry = index.find(request, this.#scan)
    if (entry === undefined) this.#explainNoMatch(index, request, out)
    else this.#render(entry, out)
  }

  /** The route for HTTP of a request that has yet to come, and of which no more is known than this. */
  foresee(path: string, facts: RequestFacts): Route | undefined {
    const index = this.#hosts.http
    return this.#scan.read(path, index.maxSegments) ? index.find(facts, this.#scan)?.route : undefined
  }

  /** For a tcp listener, which has a route's name in place of a path. */
  matchName(name: string, out: Match): void {
    clear(out)
    const entry = this.#names.get(name)
    if (entry?.spec.match.kind !== 'tcp') {
      out.error = 'no_route'
      return
    }
    out.route = entry.route
    // Without a path there is nothing in it that could be refused.
    out.subject = renderSubject(entry.subject, this.#scan) ?? ''
  }

  #render(entry: TableEntry, out: Match): void {
    out.route = entry.route
    const subject = renderSubject(entry.subject, this.#scan)
    if (subject !== undefined) {
      out.subject = subject
      return
    }
    out.error = 'subject_invalid'
    out.detail = subjectFault(entry.subject, this.#scan)
  }

  #explainNoMatch(index: HostIndex<TableEntry>, request: RequestHead, out: Match): void {
    const allow = index.allowedMethods(request, this.#scan)
    out.error = allow.length > 0 ? 'method_not_allowed' : 'no_route'
    out.allow = allow
  }
}

function createIndex(entries: readonly TableEntry[], kind: 'http' | 'ws'): HostIndex<TableEntry> {
  return new HostIndex(entries.filter(({ spec }) => spec.match.kind === kind))
}

function createRoute({ spec, subject }: CompiledRoute, options: TableOptions): Route {
  const route: RouteSettings = {
    name: spec.name,
    kind: spec.match.kind,
    reply: spec.reply,
    body: spec.body,
    websocket: spec.websocket,
    timeoutMs: spec.timeoutMs,
    idleTimeoutMs: spec.idleTimeoutMs,
    maxDurationMs: spec.maxDurationMs,
    maxBodyBytes: spec.maxBodyBytes ?? options.defaultMaxBodyBytes,
    noResponderRetries: spec.noResponders.retries,
    holdMs: spec.noResponders.holdMs,
    forwardHeaders: typeof spec.forwardHeaders === 'string' ? spec.forwardHeaders : new Set(spec.forwardHeaders),
  }
  const { workspaces = new WorkspaceDirectory(), inboxPrefix = '_INBOX' } = options
  const dispatch = keepFromReplies(subject, inboxPrefix, options.dispatch(route, spec))
  const service: RouteService = {
    dispatch: subject.late.length === 0 ? dispatch : fillLateParams(subject.late, workspaces, dispatch),
  }
  return { ...route, ...(options.protect?.(route, spec, service) ?? service) }
}
