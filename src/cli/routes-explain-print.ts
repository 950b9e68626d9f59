import { ERRORS } from '../exchange/errors.ts'
import type { Interest } from '../nats/interest.ts'
import type { LateParam } from '../routing/subject-params.ts'
import type { QuarantinedRoute } from '../store/routes-table.ts'
import type { Explained } from './explained-request.ts'
import { alignColumns, createPaint, printLine } from './print.ts'
import type { Io } from './verb.ts'

/** With the server that was asked, for whoever expected another. */
export interface AskedInterest extends Interest {
  /** Host and port; undefined: none was asked. */
  readonly server?: string
}

/** The outcome first, then the policies of the route that matches, then every route in the order of precedence. */
export function printExplanation(
  io: Io,
  explained: Explained,
  interest: AskedInterest | undefined,
  quarantined: readonly QuarantinedRoute[],
): void {
  const { winner, policies, verdicts } = explained
  for (const line of alignColumns(outcomeOf(explained, interest))) printLine(io, line)
  const paint = createPaint(io.stdout, io.env)
  if (policies.length > 0) printLine(io, `\n${paint('bold', 'Its policies, in order:')}`)
  const list = policies.map(({ name, from, options }) => [`  ${name}`, `of the ${from}`, JSON.stringify(options)])
  for (const line of alignColumns(list)) printLine(io, line)
  printLine(io, `\n${paint('bold', 'Routes in the order of precedence:')}`)
  const rows = verdicts.map(({ name, mismatch }) => {
    if (mismatch !== undefined) return ['  -', name, mismatch]
    return name === winner?.name ? ['  *', name, 'matches'] : ['  +', name, `would match, but for ${winner?.name}`]
  })
  for (const line of alignColumns(rows)) printLine(io, line)
  if (rows.length === 0) printLine(io, '  none')
  for (const { name } of quarantined) printLine(io, `  !  ${name} is quarantined: see \`engine-router routes list\``)
}

function outcomeOf(explained: Explained, interest: AskedInterest | undefined): string[][] {
  const { winner, subject, late, params, error, detail, allow, preflightFor } = explained
  const rows = [['route', winner?.name ?? 'none']]
  if (preflightFor !== undefined) {
    rows.push(['preflight', `answered by the router with 204; all else is of the ${preflightFor} that it asks about`])
  }
  if (error !== undefined) {
    const { status, title } = ERRORS[error]
    rows.push([
      'answer',
      `${status} ${error}: ${detail || title}${allow.length > 0 ? ` (allow: ${allow.join(', ')})` : ''}`,
    ])
  }
  if (subject !== '') rows.push(['subject', subject])
  for (const [name, value] of params) if (!late.some((param) => param.name === name)) rows.push([`{${name}}`, value])
  for (const param of late) {
    rows.push([`{${param.name}}`, `filled in after the policies, from ${sourceOf(param, params)}`])
  }
  if (interest !== undefined) rows.push(['listening', `${interest.listening}: ${interest.reason}`])
  if (interest?.server !== undefined) rows.push(['asked', `NATS at ${interest.server}`])
  return rows
}

function sourceOf({ name, source, key }: LateParam, params: Explained['params']): string {
  if (source === 'path') return `${params.find(([captured]) => captured === name)?.[1]} of the path`
  if (source === 'host') return `label ${key} of the host`
  return source === 'query' ? `${key} of the query` : `the ${source} ${key}`
}
