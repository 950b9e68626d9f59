/** A tenant, as routers know it. */
export interface Workspace {
  readonly id: string
  readonly name: string
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/

/** Whether it could be one; a name that looks like an id is none, as nobody could tell which was meant. */
export function isWorkspaceName(text: string): boolean {
  return NAME.test(text) && !UUID.test(text)
}

export function isWorkspaceId(text: string): boolean {
  return UUID.test(text)
}

/** The workspaces there are, as the database has them. Replaced as a whole. */
export class WorkspaceDirectory {
  #ids: ReadonlySet<string> | undefined
  #idsByName: ReadonlyMap<string, string> = new Map()

  /** Whether they are known at all. */
  get isLoaded(): boolean {
    return this.#ids !== undefined
  }

  /** The id of the one with this id or name; undefined: there is none. */
  idOf(idOrName: string): string | undefined {
    if (!isWorkspaceId(idOrName)) return this.#idsByName.get(idOrName)
    const id = idOrName.toLowerCase()
    return this.#ids?.has(id) ? id : undefined
  }

  replace(workspaces: readonly Workspace[]): void {
    this.#ids = new Set(workspaces.map(({ id }) => id))
    this.#idsByName = new Map(workspaces.map(({ id, name }) => [name, id]))
  }
}
