import { CLOSED_SIDE } from '../exchange/closed-side.ts'
import { ExchangeError } from '../exchange/errors.ts'
import type { Dispatch } from '../exchange/exchange.ts'
import type { RouteIssue, RouteSpec } from './spec.ts'
import type { SubjectPlan } from './subject-plan.ts'
import { isReservedFirstToken } from './subject-template.ts'

/** What is wrong with a route whose subjects all are of the inboxes below this prefix. `_INBOX` needs no router to be known. */
export function replySubjectIssue({ subject }: RouteSpec, inboxPrefix: string): RouteIssue | undefined {
  if (!isReplySubject(subject, inboxPrefix)) return undefined
  const message = `subjects that begin with \`${inboxPrefix}\` are reserved by nats.inboxPrefix: clients must not reach them`
  return { path: ['subject'], message }
}

/**
 * Refuses requests whose values lead to the inboxes below this prefix. Comes behind all that fills in values; a route that
 * cannot lead there gets `next` as it is.
 */
export function keepFromReplies({ before, captures }: SubjectPlan, inboxPrefix: string, next: Dispatch): Dispatch {
  const above = `${inboxPrefix}.`
  // Every value that would be first is looked at for those.
  const isReserved = isReservedFirstToken(above.slice(0, above.indexOf('.')))
  const leadsThere = captures.length > 0 && above.startsWith(before)
  if (isReserved || !(leadsThere || isReplySubject(before, inboxPrefix))) return next
  return (request, client) => {
    if (!isReplySubject(request.subject, inboxPrefix)) return next(request, client)
    const detail = 'The values in the request lead to a subject that is reserved'
    client.reset(new ExchangeError('subject_invalid', `${request.subject} is of nats.inboxPrefix`, { detail }))
    return CLOSED_SIDE
  }
}

/** Of a subject, or a template of subjects. */
function isReplySubject(subject: string, inboxPrefix: string): boolean {
  return subject === inboxPrefix || subject.startsWith(`${inboxPrefix}.`)
}
