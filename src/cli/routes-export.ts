import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { formatRoutes } from '../config/routes-text.ts'
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
    const { database, nats } = await loadVerbConfig({ options, positionals }, io)
    const { documents, quarantined } = await withDatabase(database, (db) => readRoutes(db, nats.inboxPrefix))
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

/** In its place, as its owner, mode and mounts stay so: a router that follows the file waits until it is left alone. */
async function save(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((error: Error) => {
    throw new VerbError(`the routes cannot be written: ${error.message}`, { cause: error })
  })
}
