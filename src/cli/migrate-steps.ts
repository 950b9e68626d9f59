import type { MigrationStep } from '../store/migrations.ts'
import { printJson, printLine } from './print.ts'
import type { Io } from './verb.ts'

/** How long one statement of a migration may take. */
export const MIGRATION_TIMEOUT_MS = 600_000

/** Says what was done. */
export function printSteps(io: Io, steps: readonly MigrationStep[], json: boolean): void {
  if (json) {
    printJson(io, { steps })
    return
  }
  for (const { name, direction } of steps) printLine(io, `${direction === 'up' ? 'applied' : 'reverted'} ${name}`)
  if (steps.length === 0) printLine(io, 'nothing to do')
}
