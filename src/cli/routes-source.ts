import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { RouterConfig } from '../config/router-config.ts'
import { type RoutesFile, readRoutesFile } from '../config/routes-file.ts'
import { type Io, UsageError, type VerbArgs, VerbError } from './verb.ts'

const DEFAULT_FILE = 'config/routes.yaml'

export interface RoutesSource extends RoutesFile {
  /** As it was named, for messages. */
  readonly file: string
}

/** Reads the FILE that a verb was given, else the one in the settings, else the default one; `-` is standard input. */
export function readGivenRoutes({ positionals }: VerbArgs, config: RouterConfig, io: Io): Promise<RoutesSource> {
  const [given, extra] = positionals
  if (extra !== undefined) throw new UsageError(`unexpected "${extra}": give one file`)
  return readRoutesFrom(given ?? config.routes.file ?? DEFAULT_FILE, config, io)
}

/** Throws DocumentError for what is wrong in the file. */
export async function readRoutesFrom(file: string, { nats }: RouterConfig, io: Io): Promise<RoutesSource> {
  const read = (content: string, name: string) => ({ file: name, ...readRoutesFile(content, name, nats.inboxPrefix) })
  if (file === '-') return read(await text(io.stdin), 'standard input')
  const content = await readFile(resolve(io.cwd, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'does not exist; name another' : `cannot be read: ${error.message}`
    throw new VerbError(`the routes file ${file} ${why}`, { cause: error })
  })
  return read(content, file)
}
