import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { replaceFile } from './replace-file.ts'
import type { SnapshotCache } from './watched-table.ts'

/** The layout of the files; one of another version is not read. */
const FORMAT = 2

/**
 * Keeps a snapshot on disk as JSON, for its owner's eyes alone. A crash leaves the old file or the new one, never a part.
 * @param decode of what `encode` gave; may throw
 */
export function jsonCache<Snapshot>(
  file: string,
  encode: (snapshot: Snapshot) => unknown,
  decode: (content: unknown) => Snapshot,
): SnapshotCache<Snapshot> {
  return {
    file,
    async read() {
      const text = await readIfThere(file)
      if (text === undefined) return undefined
      const { format, content } = JSON.parse(text) as { readonly format?: unknown; readonly content?: unknown }
      if (format !== FORMAT) throw new Error(`the file is not of format ${FORMAT}`)
      return decode(content)
    },
    async write(snapshot) {
      await mkdir(dirname(file), { recursive: true })
      await replaceFile(file, JSON.stringify({ format: FORMAT, content: encode(snapshot) }), 0o600)
    },
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
}
