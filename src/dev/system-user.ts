import { spawnSync } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { VerbError } from '../cli/verb.ts'

/** Another user of this machine, to run a process as. */
export interface SystemUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** As root: the user that Postgres runs as, since it refuses to run as root; made if missing. Else undefined: as ourselves. */
export function ensurePostgresUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const found = findUser('postgres')
  if (found) return found
  spawnSync('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres'])
  const made = findUser('postgres')
  if (made) return made
  throw new VerbError(
    'Postgres refuses to run as root, and a user `postgres` cannot be made here: run this as an ordinary user, ' +
      'or set DATABASE_URL to a Postgres of yours',
  )
}

/** Whether `user` may enter `directory`: each directory above it must let it through. */
export async function isReadableBy(user: SystemUser, directory: string): Promise<boolean> {
  for (let path = directory; ; path = dirname(path)) {
    const { mode, uid, gid } = await stat(path)
    const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0
    // At the bottom it must read as well; above, passing through will do.
    const needed = path === directory ? 0o5 : 0o1
    if (((mode >> shift) & needed) !== needed) return false
    if (path === dirname(path)) return true
  }
}

function findUser(name: string): SystemUser | undefined {
  const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }))
  if (uid?.status !== 0 || gid?.status !== 0) return undefined
  return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) }
}
