import { resolve } from 'node:path'
import type { RouterConfig } from './config/router-config.ts'
import { readRoutesFile } from './config/routes-file.ts'
import type { ApiKeyDirectory } from './policies/api-key-directory.ts'
import type { RevocationDirectory } from './policies/revocation-directory.ts'
import { compileTable, type RouteTable, type TableOptions } from './routing/table.ts'
import { isWorkspaceName, type Workspace, WorkspaceDirectory } from './routing/workspace-directory.ts'
import { watchedApiKeys } from './store/api-keys.ts'
import { AwaitedRevision } from './store/awaited-revision.ts'
import { watchedRevocations } from './store/revocations.ts'
import { RoutesFileWatch } from './store/routes-file-watch.ts'
import { TableWatch } from './store/table-watch.ts'
import { type OnRoutes, watchedRoutes } from './store/watched-routes.ts'
import { watched } from './store/watched-table.ts'
import { watchedWorkspaces } from './store/workspaces.ts'
import type { RouterLogger } from './telemetry/log.ts'

/** The table that a router serves from, replaced as a whole when the database has a newer one. */
export interface RouteTables {
  /**
   * Requests under way keep the route that they began with; this is for the next one. Undefined: none is loaded yet.
   */
  readonly current: () => RouteTable | undefined
  /** Why requests may miss a route that is meant to be there; undefined: nothing is awaited. */
  readonly unready: string | undefined
  /** Since the epoch; undefined: none is loaded yet. */
  readonly loadedAtMs: number | undefined
  /** Rows that the table does without. */
  readonly quarantined: number
  /** @param onChange called whenever there is a new table */
  start(onChange: () => void): void
  stop(): Promise<void>
}

/** Who gets what the tables beside that of routes hold. */
export interface TableReaders {
  readonly apiKeys: ApiKeyDirectory
  readonly revocations: RevocationDirectory
  onWorkspaces(workspaces: readonly Workspace[]): void
}

export function createRouteTables(
  config: RouterConfig,
  logger: RouterLogger,
  serve: Pick<TableOptions, 'dispatch' | 'protect'>,
  readers: TableReaders,
): RouteTables {
  const defaultMaxBodyBytes = config.limits.bodyBytes
  const { inboxPrefix } = config.nats
  const workspaces = new WorkspaceDirectory()
  let table: RouteTable | undefined
  let loadedAtMs: number | undefined
  let quarantinedRoutes = 0
  let onTable: (() => void) | undefined
  const { cacheFile } = config.routes
  const routesFile = createRoutesFileWatch(config, logger)
  const onRoutes: OnRoutes = (specs, revision, quarantined, source) => {
    table = compileTable(specs, { ...serve, workspaces, revision, defaultMaxBodyBytes, inboxPrefix })
    loadedAtMs = Date.now()
    quarantinedRoutes = quarantined.length
    routesFile?.awaited.onTable(revision, source)
    onTable?.()
  }
  const onWorkspaceRows = (rows: readonly Workspace[]) => {
    const [good, bad] = [true, false].map((is) => rows.filter(({ name }) => isWorkspaceName(name) === is))
    for (const { id } of bad!) logger.error({ id }, 'a workspace is left out, as its name can be none')
    workspaces.replace(good!)
    readers.onWorkspaces(good!)
  }
  const watch = new TableWatch({
    url: config.database.url,
    logger,
    tables: [
      // Before the routes: whoever is let in from disk is not let in with a token that is revoked.
      watched(
        watchedRevocations(`${cacheFile}.revocations`, (revocations) => readers.revocations.replace(revocations)),
      ),
      watched(watchedRoutes({ cacheFile, inboxPrefix, onSnapshot: onRoutes, logger })),
      watched(watchedWorkspaces(`${cacheFile}.workspaces`, onWorkspaceRows)),
      watched(watchedApiKeys(`${cacheFile}.api-keys`, (keys) => readers.apiKeys.replace(keys))),
    ],
  })
  return {
    current: () => table,
    get unready() {
      if (table === undefined) return 'no routing table is loaded'
      return routesFile?.awaited.isOver === false ? 'routes.file is not applied yet' : undefined
    },
    get loadedAtMs() {
      return loadedAtMs
    },
    get quarantined() {
      return quarantinedRoutes
    },
    start(onChange) {
      onTable = onChange
      void watch.start()
      void routesFile?.start()
    },
    async stop() {
      await routesFile?.stop()
      await watch.stop()
    },
  }
}

/** `routes.file`: applied to the database, from where this router and all others get it. */
function createRoutesFileWatch(config: RouterConfig, logger: RouterLogger) {
  if (config.routes.file === undefined) return undefined
  const watch = new RoutesFileWatch({
    file: resolve(config.routes.file),
    watch: config.routes.watch,
    parse: (text, file) => readRoutesFile(text, file, config.nats.inboxPrefix).documents,
    url: config.database.url,
    author: 'routes.file',
    logger,
  })
  const awaited = new AwaitedRevision()
  return {
    /** What the file puts there at the start. */
    awaited,
    async start() {
      await watch.start()
      awaited.onAttempted(watch.appliedRevision)
    },
    stop: () => watch.stop(),
  }
}
