import { realpath, stat, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { formatRoutes } from '../config/routes-text.ts'
import { replaceFile } from '../store/replace-file.ts'
import { readRoutes } from '../store/routes-table.ts'
import { loadVerbConfig } from './config-options.ts'
import { DATABASE_OPTIONS } from './database-options.ts'
import { type Verb, VerbError } from './verb.ts'
import { withDatabase } from './with-database.ts'

export const verb: Verb = {
  options: {
    output: { type: 'string', short: 'o', value: 'FILE', description: 'Write there and not to standard output' },
    ...DATABASE_OPTIONS,
    json: { type: 'boolean', description: 'As JSON, which is YAML too' },
  },
  examples: ['engine-router routes export --output config/routes.yaml'],
  async run({ options, positionals }, io) {
    const { database } = await loadVerbConfig({ options, positionals }, io)
    const { documents, quarantined } = await withDatabase(database, readRoutes)
    const json = options.json === true
    const text = json ? `${JSON.stringify({ version: 1, routes: documents }, undefined, 2)}\n` : formatRoutes(documents)
    if (typeof options.output === 'string') await save(resolve(io.cwd, options.output), text)
    else io.stdout.write(text)
    for (const { name } of quarantined) {
      io.stderr.write(`left out: ${name}, which is quarantined; \`engine-router routes list\` says why\n`)
    }
    return 0
  },
}

/** As a whole where it can: a router may follow the file, and its beginning may be good routes, only fewer. */
async function save(file: string, text: string): Promise<void> {
  try {
    const there = await stat(file).catch(undefinedIfAbsent)
    if (there === undefined) await replaceFile(file, text, 0o666)
    // What is another's would become ours, and what is no file would become one.
    else if (!there.isFile() || there.uid !== process.geteuid?.()) await writeFile(file, text)
    else await replaceOrWrite(await realpath(file), text, there.mode)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new VerbError(`the routes cannot be written: ${reason}`, { cause: error })
  }
}

async function replaceOrWrite(file: string, text: string, mode: number): Promise<void> {
  try {
    await replaceFile(file, text, mode)
  } catch (error) {
    // A file that is a mount of its own, as in a container, or in a folder of somebody else.
    if (!['EBUSY', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    await writeFile(file, text)
  }
}

function undefinedIfAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
