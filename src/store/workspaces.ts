import type { Kysely } from 'kysely'
import type { Workspace } from '../routing/workspace-directory.ts'
import { jsonCache } from './json-cache.ts'
import type { Schema } from './schema.ts'
import { ABSENT_REVISION, readTableRevision } from './table-revision.ts'
import type { WatchedTable } from './watched-table.ts'

export interface WorkspaceInfo extends Workspace {
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** Those that are not deleted. */
export interface WorkspacesSnapshot {
  readonly revision: number
  readonly workspaces: readonly Workspace[]
}

/** Undefined: there is one of that name. */
export async function addWorkspace(db: Kysely<Schema>, name: string): Promise<Workspace | undefined> {
  return db
    .insertInto('workspaces')
    .values({ name, deleted_at: null })
    .onConflict((conflict) => conflict.column('name').where('deleted_at', 'is', null).doNothing())
    .returning(['id', 'name'])
    .executeTakeFirst()
}

/** By name. */
export async function listWorkspaces(db: Kysely<Schema>): Promise<WorkspaceInfo[]> {
  return db
    .selectFrom('workspaces')
    .select(['id', 'name', 'created_at as createdAt', 'updated_at as updatedAt'])
    .where('deleted_at', 'is', null)
    .orderBy('name')
    .execute()
}

/** Gives what was deleted; undefined if there is no such workspace, or not any more. */
export async function deleteWorkspace(
  db: Kysely<Schema>,
  key: { readonly id: string } | { readonly name: string },
): Promise<Workspace | undefined> {
  return db
    .updateTable('workspaces')
    .set({ deleted_at: new Date() })
    .where('deleted_at', 'is', null)
    .where(({ eb }) => ('id' in key ? eb('id', '=', key.id) : eb('name', '=', key.name)))
    .returning(['id', 'name'])
    .executeTakeFirst()
}

/** For routers. */
export function watchedWorkspaces(
  cacheFile: string | undefined,
  onSnapshot: WatchedTable<WorkspacesSnapshot>['onSnapshot'],
): WatchedTable<WorkspacesSnapshot> {
  return {
    name: 'table of workspaces',
    channel: 'engine_router_workspaces',
    read: readWorkspaces,
    readRevision: (db) => readTableRevision(db, 'workspaces'),
    cache: cacheFile === undefined ? undefined : jsonCache(cacheFile, (snapshot) => snapshot, decodeSnapshot),
    absent: { revision: ABSENT_REVISION, workspaces: [] },
    onSnapshot,
  }
}

async function readWorkspaces(db: Kysely<Schema>): Promise<WorkspacesSnapshot> {
  // Before the rows: what changes in between is read again.
  const revision = await readTableRevision(db, 'workspaces')
  const workspaces = await db
    .selectFrom('workspaces')
    .select(['id', 'name'])
    .where('deleted_at', 'is', null)
    // Those that have had connections of their own keep them when there are more than may have one.
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return { revision, workspaces }
}

function decodeSnapshot(content: unknown): WorkspacesSnapshot {
  const { revision, workspaces } = content as { readonly revision?: unknown; readonly workspaces?: unknown }
  if (!Number.isSafeInteger(revision) || !Array.isArray(workspaces))
    throw new Error('the file is no table of workspaces')
  return { revision: Number(revision), workspaces }
}
