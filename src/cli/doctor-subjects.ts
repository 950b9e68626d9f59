import type { NatsConnection } from 'nats'
import { subjectsOverlap, templatePattern } from '../admin/subjects-overlap.ts'
import { acknowledges, findStreams, type PublishPermissions, readPublishPermissions } from '../nats/ask-server.ts'
import { type Finding, fail, ok, warn } from './doctor-finding.ts'

/** Each is a question; a table with more distinct subjects is looked at so far. */
const MAX_PATTERNS = 200
/** In a message for a person. */
const MAX_NAMED = 5

/** What a routing table publishes to. */
export interface RouteSubject {
  readonly subject: string
  readonly match: { readonly path?: string | undefined }
}

/** Whether NATS lets the subjects of the routes through, and to backends alone. */
export async function checkSubjects(
  client: NatsConnection,
  routes: readonly RouteSubject[],
  timeoutMs: number,
): Promise<Finding[]> {
  if (routes.length === 0) return []
  const patterns = [...new Set(routes.map(({ subject, match }) => templatePattern(subject, match.path)))]
  const permissions = await readPublishPermissions(client, timeoutMs)
  return [publishFinding(patterns, permissions), await checkStreams(client, patterns, timeoutMs)]
}

function publishFinding(patterns: readonly string[], permissions: PublishPermissions | undefined): Finding {
  const check = 'nats publish'
  if (permissions === undefined) {
    const advice = `make sure that this user may publish to ${named(patterns)}; nats-server 2.10 or later tells, if it may publish to $SYS.REQ.USER.INFO`
    return warn(check, 'the server does not tell what this user may publish to', advice)
  }
  const denied = patterns.filter((pattern) => verdict(pattern, permissions) === 'none')
  const advice = (subjects: readonly string[]) => `let it publish to ${named(subjects)}`
  if (denied.length > 0) {
    const detail = `this user may not publish to ${named(denied)}: their requests are never delivered and end in 504`
    return fail(check, detail, advice(denied))
  }
  const partly = patterns.filter((pattern) => verdict(pattern, permissions) === 'some')
  if (partly.length > 0) {
    return warn(check, `this user may publish only to some of ${named(partly)}; the rest ends in 504`, advice(partly))
  }
  return ok(check, 'this user may publish to the subjects of all routes')
}

/** How much of what a pattern stands for may be published to. */
function verdict(pattern: string, { allow, deny }: PublishPermissions): 'all' | 'some' | 'none' {
  const isAllowed = allow.length === 0 || allow.some((each) => subjectCovers(each, pattern))
  if (deny.some((each) => subjectCovers(each, pattern))) return 'none'
  if (isAllowed) return deny.some((each) => subjectsOverlap(each, pattern)) ? 'some' : 'all'
  return allow.some((each) => subjectsOverlap(each, pattern)) ? 'some' : 'none'
}

/** Whether a pattern takes all that another one does. */
export function subjectCovers(pattern: string, other: string): boolean {
  const wide = pattern.split('.')
  const narrow = other.split('.')
  for (const [index, token] of wide.entries()) {
    const part = narrow[index]
    if (part === undefined) return false
    if (token === '>') return true
    if (part === '>' || (token !== '*' && token !== part)) return false
  }
  return wide.length === narrow.length
}

/** A stream answers each request that it takes, mostly before a backend does: clients would get its acknowledgement. */
async function checkStreams(client: NatsConnection, patterns: readonly string[], timeoutMs: number): Promise<Finding> {
  const check = 'nats streams'
  if (client.info?.jetstream !== true) return ok(check, 'no JetStream here')
  const asked = new Set<string>()
  const captured: string[] = []
  for (const pattern of patterns.slice(0, MAX_PATTERNS)) {
    const streams = await findStreams(client, pattern, timeoutMs)
    if (streams === undefined) {
      const advice = 'run doctor as a user who may publish to $JS.API.> and see that no stream takes subjects of routes'
      return warn(check, 'this user may not ask JetStream for its streams', advice)
    }
    for (const stream of streams) {
      if (asked.has(stream)) continue
      asked.add(stream)
      if (await acknowledges(client, stream, timeoutMs)) captured.push(`${stream} takes ${pattern}`)
    }
  }
  if (captured.length === 0) return ok(check, 'no stream answers on the subjects of routes')
  return warn(
    check,
    `JetStream answers requests in the place of backends: ${named(captured)}`,
    'take the subjects of routes out of the stream or set no_ack on it, unless clients are meant to get its acknowledgement',
  )
}

function named(items: readonly string[]): string {
  const more = items.length - MAX_NAMED
  return more > 0 ? `${items.slice(0, MAX_NAMED).join(', ')} and ${more} more` : items.join(', ')
}
