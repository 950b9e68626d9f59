import { ask, isInteractive } from '../cli/ask.ts'
import { type Io, VerbError } from '../cli/verb.ts'
import type { RouteDocument } from '../routing/spec.ts'
import { previewRoutes } from '../store/apply-routes.ts'
import type { Database } from '../store/database.ts'
import { isUndefinedTable } from '../store/database-error.ts'
import { readHistory } from '../store/route-history.ts'
import { saveComment } from '../store/routes-file-watch.ts'
import { readRevision } from '../store/routes-table.ts'

/** What dev writes into the history when it applies the routes file. */
export const DEV_COMMENT = 'npm run dev'

/** Routes that dev would take out of a database, where others have put them in. */
export interface OthersRoutes {
  /** In the table. */
  readonly count: number
  /** That has all of them; undefined: none has, as the last changes were made by hand. */
  readonly revision: number | undefined
}

/**
 * Undefined: there are none, or nothing would be lost of them, or dev has written them itself.
 * @param file that `documents` are of, its whole path: the router of dev applies what is saved to it
 */
export async function findOthersRoutes(
  { db }: Database,
  documents: readonly RouteDocument[],
  file: string,
): Promise<OthersRoutes | undefined> {
  try {
    const { changed, removed, unchanged } = await previewRoutes(db, documents)
    if (changed.length + removed.length === 0) return undefined
    const [last] = await readHistory(db, 1)
    const isByHand = last?.revision !== (await readRevision(db))
    if (!isByHand && [DEV_COMMENT, saveComment(file)].includes(last?.comment ?? '')) return undefined
    return { count: unchanged + changed.length + removed.length, revision: isByHand ? undefined : last?.revision }
  } catch (error) {
    if (isUndefinedTable(error)) return undefined
    throw error
  }
}

/** Asks a person whether they may be replaced, and warns anywhere else. Throws VerbError if they may not. */
export async function confirmReplacement(
  { count, revision }: OthersRoutes,
  { database, file }: { readonly database: string; readonly file: string },
  io: Io,
  say: (line: string) => void,
): Promise<void> {
  const routes = count === 1 ? '1 route' : `${count} routes`
  const wayBack =
    revision === undefined
      ? 'no revision has them as they are: `npm run router -- routes export > routes-before.yaml` keeps them'
      : `\`npm run router -- routes rollback ${revision}\` brings them back`
  const words = `${database} has ${routes} that \`npm run dev\` has not put there. ${file} replaces them; ${wayBack}.`
  if (!isInteractive(io)) return say(`warning: ${words}`)
  const answer = await ask(io, `${words}\nReplace them? [y/N] `)
  if (/^y(es)?$/i.test(answer)) return
  throw new VerbError('nothing was changed: unset DATABASE_URL, and dev has a database of its own')
}
