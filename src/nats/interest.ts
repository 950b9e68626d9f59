import { createInbox, Empty, ErrorCode, type Msg, type NatsConnection, NatsError } from 'nats'

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
  const service = await discoverService(client, subject, inboxPrefix)
  if (service !== undefined) return { listening: 'yes', reason: `${service} (discovered)` }
  if (probe) return probeSubject(client, subject)
  return {
    listening: 'unknown',
    reason: 'no micro service says that it does; another responder might, which only a real request can tell: --probe',
  }
}

/** Asks all micro services for their endpoints (`$SRV.INFO`); the first that takes the subject, in words. */
function discoverService(client: NatsConnection, subject: string, inboxPrefix: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const inbox = createInbox(inboxPrefix)
    const end = (found?: string) => {
      clearTimeout(timer)
      subscription.unsubscribe()
      resolve(found)
    }
    // It throws where the connection is closed: no timer yet.
    const subscription = client.subscribe(inbox, {
      callback(error, message) {
        const found = error === null ? endpointIn(message, subject) : undefined
        if (found !== undefined) end(found)
      },
    })
    const timer = setTimeout(end, DISCOVERY_MS)
    client.publish('$SRV.INFO', Empty, { reply: inbox })
  })
}

function endpointIn(message: Msg, subject: string): string | undefined {
  const info = parseServiceInfo(message.data)
  const endpoint = info?.endpoints.find((each) => matchesSubject(each, subject))
  return endpoint === undefined ? undefined : `service \`${info?.name}\` listens on \`${endpoint}\``
}

function parseServiceInfo(data: Uint8Array): { name: string; endpoints: string[] } | undefined {
  try {
    const { name, endpoints } = JSON.parse(Buffer.from(data).toString())
    return {
      name: String(name),
      endpoints: endpoints.map((endpoint: { subject: unknown }) => String(endpoint.subject)),
    }
  } catch {
    // Anyone may answer to discovery with anything; what is not a service's information says nothing.
    return undefined
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
