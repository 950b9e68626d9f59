import { ask, isInteractive } from './ask.ts'
import { type Io, UsageError, VerbError } from './verb.ts'

/** Asks on a terminal, and wants `--yes` anywhere else. `url` is without its password. */
export async function confirmDeletion(io: Io, what: string, url: string): Promise<void> {
  if (!isInteractive(io)) throw new UsageError(`this deletes ${what} in ${url}: say --yes`)
  const answer = await ask(io, `This deletes ${what} in ${url}. Type "yes" to go on: `)
  if (answer !== 'yes') throw new VerbError('nothing was done')
}
