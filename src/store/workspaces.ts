import type { Kysely } from 'kysely'
import type { Workspace } from '../routing/workspace-directory.ts'
import type { Schema } from './schema.ts'
import { storedDate } from './stored-date.ts'
import { type OnRows, type RowsSnapshot, watchedRows } from './watched-rows.ts'
import type { WatchedTable } from './watched-table.ts'

export interface WorkspaceInfo extends Workspace {
  readonly createdAt: Date
  readonly updatedAt: Date
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
  const rows = await db
    .selectFrom('workspaces')
    .select(['id', 'name', 'created_at as createdAt', 'updated_at as updatedAt'])
    .where('deleted_at', 'is', null)
    .orderBy('name')
    .execute()
  return rows.map((row) => ({ ...row, createdAt: storedDate(row.createdAt), updatedAt: storedDate(row.updatedAt) }))
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

/** For routers: they know those that are not deleted. */
export function watchedWorkspaces(
  cacheFile: string | undefined,
  onWorkspaces: OnRows<Workspace>,
): WatchedTable<RowsSnapshot<Workspace>> {
  return watchedRows({ name: 'table of workspaces', table: 'workspaces', readRows }, cacheFile, onWorkspaces)
}

/** The oldest first: those that have had connections of their own keep them when there are more than may have one. */
function readRows(db: Kysely<Schema>): Promise<Workspace[]> {
  return db
    .selectFrom('workspaces')
    .select(['id', 'name'])
    .where('deleted_at', 'is', null)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
}
