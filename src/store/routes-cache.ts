import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type RoutesSnapshot, snapshotOf } from './routes-table.ts'

/** The layout of the file; a file of another version is not read. */
const FORMAT = 1

/** Keeps a table on disk for a start without the database. A crash leaves the old file or the new one, never a part. */
export async function writeRoutesCache(file: string, snapshot: RoutesSnapshot): Promise<void> {
  const { revision, documents, quarantined } = snapshot
  // The quarantined ones too: a later version of the router may know better.
  const routes = [...documents, ...quarantined.map(({ document }) => document)]
  const temporary = `${file}.${process.pid}.tmp`
  await mkdir(dirname(file), { recursive: true })
  const handle = await open(temporary, 'w')
  try {
    await handle.writeFile(JSON.stringify({ format: FORMAT, revision, routes }))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
  await syncDirectory(dirname(file))
}

/** Without this the rename itself may not survive a crash. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The table that was kept; undefined if there is none. Throws if there is a file that cannot be used. */
export async function readRoutesCache(file: string): Promise<RoutesSnapshot | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const content: unknown = JSON.parse(text)
  if (!isCache(content)) throw new Error(`the file is not a routing table of format ${FORMAT}`)
  return snapshotOf(content.revision, content.routes)
}

function isCache(content: unknown): content is { readonly revision: number; readonly routes: readonly unknown[] } {
  if (typeof content !== 'object' || content === null) return false
  const { format, revision, routes } = content as { format?: unknown; revision?: unknown; routes?: unknown }
  return format === FORMAT && Number.isSafeInteger(revision) && Array.isArray(routes)
}
