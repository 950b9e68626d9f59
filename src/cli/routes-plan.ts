import type { RoutePlan } from '../store/route-plan.ts'
import { createPaint, printLine } from './print.ts'
import type { Io } from './verb.ts'

/** Shows what an apply does: `+` added, `~` changed, with each value before and after, `-` removed. */
export function printPlan(io: Io, { added, changed, removed, unchanged }: RoutePlan): void {
  const paint = createPaint(io.stdout, io.env)
  for (const name of added) printLine(io, paint('green', `+ ${name}`))
  for (const { name, changes } of changed) {
    printLine(io, paint('yellow', `~ ${name}`))
    for (const { field, from, to } of changes) printLine(io, `    ${field}: ${show(from)} -> ${show(to)}`)
  }
  for (const name of removed) printLine(io, paint('red', `- ${name}`))
  const counts = [`${added.length} added`, `${changed.length} changed`, `${removed.length} removed`]
  printLine(io, `${counts.join(', ')}, ${unchanged} unchanged`)
}

/** The plan in JSON, where a default is null and not left out. */
export function planToJson(plan: RoutePlan): object {
  const changed = plan.changed.map(({ name, changes }) => ({
    name,
    changes: changes.map(({ field, from = null, to = null }) => ({ field, from, to })),
  }))
  return { ...plan, changed }
}

function show(value: unknown): string {
  if (value === undefined) return '(default)'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
