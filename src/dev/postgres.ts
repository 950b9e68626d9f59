import { createHash, randomBytes } from 'node:crypto'
import { chown, mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { VerbError } from '../cli/verb.ts'
import { replaceFile } from '../store/replace-file.ts'
import type { ChildGuard } from './child-guard.ts'
import { findPostgresBinaries, makeStagingDirectory } from './postgres-binaries.ts'
import {
  createCluster,
  isCluster,
  isPostmasterOf,
  type PostgresServer,
  startPostgresServer,
  stopStalePostmaster,
} from './postgres-server.ts'
import { ensurePostgresUser, isReadableBy, type SystemUser } from './system-user.ts'

/** What `.data/postgres.json` keeps between runs. */
interface Settings {
  /** The cluster; elsewhere than in `.data` where the Postgres user may not enter the checkout. */
  readonly directory: string
  readonly password: string
  /** The process that runs it, or ran it last. */
  readonly ownerPid: number
}

/**
 * Starts the embedded Postgres of a checkout, its data in `dataDirectory`; makes it on the first run.
 * @param options.temporary whether nothing of it is to be left when the guard ends, nor of that directory
 */
export async function startDevPostgres(
  guard: ChildGuard,
  dataDirectory: string,
  options: { readonly temporary?: boolean } = {},
): Promise<PostgresServer> {
  const user = ensurePostgresUser()
  const binaries = await findPostgresBinaries(user)
  await mkdir(dataDirectory, { recursive: true })
  const file = join(dataDirectory, 'postgres.json')
  const known = await readSettings(file)
  const settings: Settings = {
    directory: known?.directory ?? (await chooseDirectory(dataDirectory, user)),
    password: known?.password ?? randomBytes(24).toString('base64url'),
    ownerPid: process.pid,
  }
  if (options.temporary === true) {
    for (const directory of [dirname(settings.directory), dataDirectory]) guard.removeAtEnd(directory)
  }
  const cluster = { binaries, user, directory: settings.directory, password: settings.password }
  if (known && isRunning(known.ownerPid) && (await isPostmasterOf(settings.directory))) {
    throw new VerbError(
      `process ${known.ownerPid} uses ${dataDirectory} already: end the other \`npm run dev\` of this checkout first`,
    )
  }
  await stopStalePostmaster(settings.directory)
  // Without its settings the password of a cluster is lost: deleting .data means to begin anew.
  if (!known) await rm(settings.directory, { recursive: true, force: true })
  // Whole, as another run may be reading it.
  await replaceFile(file, `${JSON.stringify(settings, null, 2)}\n`, 0o600)
  if (!(await isCluster(settings.directory))) await createCluster(guard, cluster)
  return startPostgresServer(guard, cluster)
}

async function chooseDirectory(dataDirectory: string, user: SystemUser | undefined): Promise<string> {
  if (!user || (await isReadableBy(user, dataDirectory))) return join(dataDirectory, 'postgres')
  const checkout = createHash('sha256').update(dataDirectory).digest('hex').slice(0, 16)
  const directory = join(await makeStagingDirectory(), `data-${checkout}`)
  await mkdir(directory, { recursive: true })
  await chown(directory, user.uid, user.gid)
  return join(directory, 'postgres')
}

async function readSettings(file: string): Promise<Settings | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const { directory, password, ownerPid } = parseSettings(text)
  if (!directory || !password || !ownerPid) throw new VerbError(`${file} is damaged; delete it and try again`)
  return { directory, password, ownerPid }
}

/** What is there of them; nothing of what is no JSON. */
function parseSettings(text: string): Partial<Settings> {
  try {
    return (JSON.parse(text) as Partial<Settings> | null) ?? {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
