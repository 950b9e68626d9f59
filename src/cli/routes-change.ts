import { isDeepStrictEqual } from 'node:util'
import type { ApplyResult } from '../store/apply-routes.ts'
import { isEmptyPlan, type RoutePlan } from '../store/route-plan.ts'
import { ask, isInteractive } from './ask.ts'
import { PROGRAM } from './help.ts'
import { printJson, printLine } from './print.ts'
import { planToJson, printPlan } from './routes-plan.ts'
import type { Io, OptionSpec, VerbArgs } from './verb.ts'

/** Of the verbs that change the table. */
export const CHANGE_OPTIONS = {
  comment: { type: 'string', short: 'm', value: 'TEXT', description: 'Why, for the history' },
  author: { type: 'string', value: 'NAME', description: 'Who, for the history (USER)' },
  'dry-run': { type: 'boolean', description: 'Show the plan and change nothing' },
  yes: { type: 'boolean', short: 'y', description: 'Do not ask before routes are removed' },
} as const satisfies Record<string, OptionSpec>

/** For their help. */
export const CHANGE_NOTES: readonly string[] = [
  'Where there is no terminal, as in a pipeline, nobody is asked before routes are removed: the last line then says',
  'which revision brings them back.',
]

/** A change that can be looked at before it is made. */
export interface TableChange {
  preview(): Promise<RoutePlan>
  apply(by: { readonly author: string; readonly comment: string | undefined }): Promise<ApplyResult>
}

/**
 * Shows the plan, asks a person before routes are removed, and makes the change; the exit code. Where nobody sits, as in
 * a pipeline, it is made at once, and whoever reads the log later is told how to take it back.
 */
export async function changeTable(change: TableChange, { options }: VerbArgs, io: Io): Promise<number> {
  const json = options.json === true
  const shown = await change.preview()
  if (!json) printPlan(io, shown)
  if (options['dry-run'] === true || isEmptyPlan(shown)) {
    if (json) printJson(io, { applied: false, revision: null, previousRevision: null, ...planToJson(shown) })
    else printLine(io, isEmptyPlan(shown) ? 'Nothing to do.' : 'Nothing has changed: this was a dry run.')
    return 0
  }
  if (options.yes !== true && !(await confirmRemovals(shown, io))) {
    io.stderr.write('Nothing has changed.\n')
    return 1
  }
  const author = typeof options.author === 'string' ? options.author : userOf(io.env)
  const comment = typeof options.comment === 'string' ? options.comment : undefined
  const result = await change.apply({ author, comment })
  const { plan, revision = null, previousRevision = null } = result
  if (json) printJson(io, { applied: revision !== null, revision, previousRevision, ...planToJson(plan) })
  else reportApplied(shown, result, io)
  return 0
}

async function confirmRemovals({ removed }: RoutePlan, io: Io): Promise<boolean> {
  if (removed.length === 0 || !isInteractive(io)) return true
  const what = removed.length === 1 ? `the route ${removed[0]}` : `${removed.length} routes (${removed.join(', ')})`
  const answer = await ask(io, `Remove ${what}? [y/N] `)
  return /^y(es)?$/i.test(answer)
}

function reportApplied(shown: RoutePlan, { plan, revision, previousRevision }: ApplyResult, io: Io): void {
  if (!isDeepStrictEqual(plan, shown)) {
    printLine(io, '\nThe table was changed by someone else meanwhile. What was done is:')
    printPlan(io, plan)
  }
  printLine(io, revision === undefined ? 'Nothing was left to do.' : `Applied as revision ${revision}.`)
  const { length: removed } = plan.removed
  if (removed === 0) return
  const wayBack =
    previousRevision === undefined
      ? 'no revision has the table as it was, since that was not applied but written by hand'
      : `\`${PROGRAM} routes rollback ${previousRevision}\` makes the table what it was before`
  printLine(io, `${removed} ${removed === 1 ? 'route was' : 'routes were'} removed: ${wayBack}.`)
}

function userOf(env: NodeJS.ProcessEnv): string {
  return env.USER || env.LOGNAME || env.USERNAME || 'unknown'
}
