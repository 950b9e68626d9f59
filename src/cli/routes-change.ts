import { isDeepStrictEqual } from 'node:util'
import type { ApplyResult } from '../store/apply-routes.ts'
import { isEmptyPlan, type RoutePlan } from '../store/route-plan.ts'
import { ask, isInteractive } from './ask.ts'
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

/** A change that can be looked at before it is made. */
export interface TableChange {
  preview(): Promise<RoutePlan>
  apply(by: { readonly author: string; readonly comment: string | undefined }): Promise<ApplyResult>
}

/** Shows the plan, asks a person before routes are removed, and makes the change; the exit code. */
export async function changeTable(change: TableChange, { options }: VerbArgs, io: Io): Promise<number> {
  const json = options.json === true
  const shown = await change.preview()
  if (!json) printPlan(io, shown)
  if (options['dry-run'] === true || isEmptyPlan(shown)) {
    if (json) printJson(io, { applied: false, revision: null, ...planToJson(shown) })
    else printLine(io, isEmptyPlan(shown) ? 'Nothing to do.' : 'Nothing has changed: this was a dry run.')
    return 0
  }
  if (options.yes !== true && !(await confirmRemovals(shown, io))) {
    io.stderr.write('Nothing has changed.\n')
    return 1
  }
  const author = typeof options.author === 'string' ? options.author : userOf(io.env)
  const comment = typeof options.comment === 'string' ? options.comment : undefined
  const { plan, revision } = await change.apply({ author, comment })
  if (json) printJson(io, { applied: revision !== undefined, revision: revision ?? null, ...planToJson(plan) })
  else reportApplied(shown, { plan, revision }, io)
  return 0
}

async function confirmRemovals({ removed }: RoutePlan, io: Io): Promise<boolean> {
  if (removed.length === 0 || !isInteractive(io)) return true
  const what = removed.length === 1 ? `the route ${removed[0]}` : `${removed.length} routes (${removed.join(', ')})`
  const answer = await ask(io, `Remove ${what}? [y/N] `)
  return /^y(es)?$/i.test(answer)
}

function reportApplied(shown: RoutePlan, { plan, revision }: ApplyResult, io: Io): void {
  if (!isDeepStrictEqual(plan, shown)) {
    printLine(io, '\nThe table was changed by someone else meanwhile. What was done is:')
    printPlan(io, plan)
  }
  printLine(io, revision === undefined ? 'Nothing was left to do.' : `Applied as revision ${revision}.`)
}

function userOf(env: NodeJS.ProcessEnv): string {
  return env.USER || env.LOGNAME || env.USERNAME || 'unknown'
}
