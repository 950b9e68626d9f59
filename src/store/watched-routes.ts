import type { Logger } from '../exchange/logger.ts'
import type { RouteSpec } from '../routing/spec.ts'
import { jsonCache } from './json-cache.ts'
import {
  type QuarantinedRoute,
  quarantineReason,
  type RoutesSnapshot,
  readRevision,
  readRoutes,
  snapshotOf,
} from './routes-table.ts'
import type { SnapshotSource, WatchedTable } from './watched-table.ts'

/** Gets each new routing table. */
export type OnRoutes = (
  specs: readonly RouteSpec[],
  revision: number,
  quarantined: readonly QuarantinedRoute[],
  source: SnapshotSource,
) => void

export interface WatchedRoutesOptions {
  readonly cacheFile: string | undefined
  /** Where no route may lead. */
  readonly inboxPrefix: string
  readonly onSnapshot: OnRoutes
  readonly logger: Logger
}

/** The routing table; each row that is quarantined is told of once. */
export function watchedRoutes(options: WatchedRoutesOptions): WatchedTable<RoutesSnapshot> {
  const { cacheFile, inboxPrefix, onSnapshot, logger } = options
  const decode = (content: unknown) => decodeSnapshot(content, inboxPrefix)
  let quarantine: ReadonlySet<string> = new Set()
  return {
    name: 'routing table',
    channel: 'engine_router_routes',
    read: (db) => readRoutes(db, inboxPrefix),
    readRevision,
    cache: cacheFile === undefined ? undefined : jsonCache(cacheFile, encodeSnapshot, decode),
    onSnapshot({ specs, revision, quarantined }, source) {
      const reasons = new Map(quarantined.map((route) => [quarantineReason(route), route]))
      for (const [reason, { name }] of reasons) {
        if (!quarantine.has(reason)) logger.error({ route: name }, `a route is not served: ${reason}`)
      }
      quarantine = new Set(reasons.keys())
      logger.info({ revision, routes: specs.length, quarantined: quarantined.length, source }, 'routing table loaded')
      onSnapshot(specs, revision, quarantined, source)
    },
  }
}

/** The quarantined ones too: a later version of the router may know better. */
function encodeSnapshot({ revision, documents, quarantined }: RoutesSnapshot): unknown {
  return { revision, routes: [...documents, ...quarantined.map(({ document }) => document)] }
}

function decodeSnapshot(content: unknown, inboxPrefix: string): RoutesSnapshot {
  const { revision, routes } = content as { readonly revision?: unknown; readonly routes?: unknown }
  if (!Number.isSafeInteger(revision) || !Array.isArray(routes)) throw new Error('the file is not a routing table')
  return snapshotOf(Number(revision), routes, inboxPrefix)
}
