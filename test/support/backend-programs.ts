/** The backends that every client protocol is tested against: the same behaviour in three languages. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Child } from '../../src/dev/child.ts'
import { buildGoBackend, goMissing } from './go-build.ts'
import { needs } from './needs.ts'
import { processGuard } from './process-guard.ts'

const START_MS = 30_000
const root = join(import.meta.dirname, '../..')

/**
 * `PROGRAM --nats URL --drain TIME sx PREFIX` streams on PREFIX.echo, .upload, .slow, .download and .fail, and tells on
 * PREFIX.open how many streams are open; `PROGRAM --nats URL plain SUBJECT` echoes one message.
 */
export interface BackendProgram {
  readonly name: string
  /** Its streams go on after NATS was away. Else it ends, for a supervisor to start it again. */
  readonly reconnects: boolean
  /** For `skip`. */
  missing(): string | false
  /** Resolves when it listens. The caller stops it. */
  start(natsUrl: string, ...args: string[]): Promise<Child>
}

export const backendPrograms: readonly BackendProgram[] = [
  {
    name: 'the Node SDK',
    reconnects: true,
    missing: () => false,
    start: (...args) => start(process.execPath, [join(root, 'test/conformance/node-backend.ts')], args),
  },
  {
    name: 'Python',
    reconnects: false,
    missing: () => needs(spawnSync('python3', ['--version']).status === 0, 'python3 is not installed'),
    start: (...args) => start('python3', ['-B', join(root, 'examples/backends/python/backend.py')], args),
  },
  {
    name: 'Go',
    reconnects: true,
    missing: goMissing,
    start: async (...args) => start(await buildGoBackend(), [], args),
  },
]

async function start(command: string, program: string[], [natsUrl, ...rest]: readonly string[]): Promise<Child> {
  const child = processGuard().spawn({
    name: program[0] ?? command,
    command,
    args: [...program, '--nats', natsUrl!, ...rest],
  })
  try {
    await child.waitForLine(/^ready$/, START_MS)
  } catch (error) {
    await child.stop()
    throw error
  }
  return child
}
