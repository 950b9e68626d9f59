/** The tables, as migrations/ makes them. */
import type { ColumnType, Generated } from 'kysely'

/** Written as JSON text, read as whatever someone has put there. */
type Json = ColumnType<unknown, string | null, string | null>

export interface RoutesTable {
  readonly name: string
  readonly kind: string | null
  readonly host: string | null
  readonly methods: readonly string[] | null
  readonly path: string | null
  readonly headers: Json
  readonly subject: string | null
  readonly reply: string | null
  readonly body: string | null
  readonly websocket: string | null
  readonly timeout: string | null
  readonly idle_timeout: string | null
  readonly max_duration: string | null
  readonly priority: number | null
  readonly limits: Json
  readonly no_responders: Json
  readonly forward_headers: Json
  readonly policies: Json
  readonly params: Json
  readonly updated_at: Generated<Date>
}

export interface RoutesVersionTable {
  /** bigint: text in the driver. */
  readonly revision: ColumnType<string, never, never>
}

export interface RouteRevisionsTable {
  readonly revision: ColumnType<string, string, never>
  readonly created_at: ColumnType<Date, never, never>
  readonly author: string
  readonly comment: string | null
  readonly action: string
  readonly document: ColumnType<unknown, string, never>
}

export interface TableVersionsTable {
  readonly table_name: string
  /** bigint: text in the driver. */
  readonly revision: ColumnType<string, never, never>
}

export interface ApiKeysTable {
  readonly id: string
  readonly hash: Buffer
  readonly subject_id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly created_at: Generated<Date>
  readonly expires_at: Date | null
  readonly revoked_at: Date | null
}

export interface RevocationsTable {
  readonly kind: 'subject' | 'jti'
  readonly value: string
  readonly issuer: string | null
  readonly revoked_at: Generated<Date>
  readonly expires_at: Generated<Date>
  readonly reason: string | null
}

export interface WorkspacesTable {
  readonly id: Generated<string>
  readonly name: string
  readonly created_at: Generated<Date>
  readonly updated_at: Generated<Date>
  readonly deleted_at: Date | null
}

export interface Schema {
  readonly workspaces: WorkspacesTable
  readonly table_versions: TableVersionsTable
  readonly api_keys: ApiKeysTable
  readonly revocations: RevocationsTable
  readonly routes: RoutesTable
  readonly routes_version: RoutesVersionTable
  readonly route_revisions: RouteRevisionsTable
}
