import { Empty, ErrorCode, type NatsConnection, NatsError } from 'nats'
import type { MicroService } from '../exchange/micro-service.ts'
import { discoverServices } from './discover-services.ts'

/** Whether someone listens on a subject, and how that is known. */
export interface Interest {
  readonly listening: 'yes' | 'no' | 'unknown'
  /** For a person. */
  readonly reason: string
}

/** How long services have to answer to discovery; it has no end of its own. */
const DISCOVERY_MS = 300
/** A server says within a round trip that nobody listens. */
const PROBE_MS = 1000

/**
 * NATS has no question for this that a client may ask, so it is found out: micro services are discovered; for others a
 * real, empty request is sent, if the caller allows that.
 */
export async function findInterest(
  client: NatsConnection,
  subject: string,
  { probe, inboxPrefix }: { readonly probe: boolean; readonly inboxPrefix: string },
): Promise<Interest> {
  const listens = ({ subjects }: MicroService) => subjects.some((pattern) => matchesSubject(pattern, subject))
  const services = await discoverServices(client, { inboxPrefix, timeoutMs: DISCOVERY_MS }, listens)
  const service = services.find(listens)
  if (service !== undefined) {
    const pattern = service.subjects.find((each) => matchesSubject(each, subject))
    return { listening: 'yes', reason: `service \`${service.name}\` listens on \`${pattern}\` (discovered)` }
  }
  if (probe) return probeSubject(client, subject)
  return {
    listening: 'unknown',
    reason: 'no micro service says that it does; another responder might, which only a real request can tell: --probe',
  }
}

/** Whether a subscription to the pattern gets what is sent to the subject. */
export function matchesSubject(pattern: string, subject: string): boolean {
  const tokens = subject.split('.')
  const wanted = pattern.split('.')
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return tokens.length > index
    if (index >= tokens.length || (token !== '*' && token !== tokens[index])) return false
  }
  return tokens.length === wanted.length
}

async function probeSubject(client: NatsConnection, subject: string): Promise<Interest> {
  try {
    await client.request(subject, Empty, { timeout: PROBE_MS, noMux: true })
    return { listening: 'yes', reason: 'an empty request was answered' }
  } catch (error) {
    const code = error instanceof NatsError ? error.code : undefined
    if (code === ErrorCode.NoResponders)
      return { listening: 'no', reason: 'NATS has no responder for an empty request' }
    if (code === ErrorCode.Timeout) {
      return {
        listening: 'yes',
        reason: `NATS has delivered an empty request, which was not answered in ${PROBE_MS} ms`,
      }
    }
    throw error
  }
}
