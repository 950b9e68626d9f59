import { createInbox, Empty, ErrorCode, type NatsConnection, NatsError } from 'nats'

/** Of one answer, and of all: anyone in the account may answer, with anything. */
const MAX_ANSWER_BYTES = 64 * 1024
const MAX_INSTANCES = 1000
/** One NATS token, and nothing that a terminal would heed. */
const INSTANCE_ID = /^[\w-]{1,64}$/

/** An answer, or why there is none. */
export type InstanceAnswer =
  | { readonly data: Uint8Array }
  | { readonly problem: string /** An HTTP status that came with it. */; readonly code?: number }

/** Ids of the instances of a micro service that answer within the time, sorted: there is no last answer. */
export function findInstances(
  client: NatsConnection,
  { name, inboxPrefix, timeoutMs }: { readonly name: string; readonly inboxPrefix: string; readonly timeoutMs: number },
): Promise<string[]> {
  return new Promise((resolve) => {
    const found = new Set<string>()
    const inbox = createInbox(inboxPrefix)
    const end = () => {
      clearTimeout(timer)
      // A connection that is closed has none, and throws.
      if (!client.isClosed()) subscription.unsubscribe()
      resolve([...found].sort())
    }
    const timer = setTimeout(end, timeoutMs)
    const subscription = client.subscribe(inbox, {
      callback(error, { data }) {
        if (error !== null) return
        // The server's 503: nobody is there.
        if (data.length === 0) return end()
        const id = data.length > MAX_ANSWER_BYTES ? undefined : parseId(data)
        if (id !== undefined && found.add(id).size === MAX_INSTANCES) end()
      },
    })
    client.publish(`$SRV.PING.${name}`, Empty, { reply: inbox })
  })
}

/** One request, answered by one instance. A connection that is closed is the caller's fault, and throws. */
export async function askInstance(
  client: NatsConnection,
  subject: string,
  question: object,
  timeoutMs: number,
): Promise<InstanceAnswer> {
  try {
    const { headers, data } = await client.request(subject, JSON.stringify(question), { timeout: timeoutMs })
    const code = headers?.get('Nats-Service-Error-Code')
    if (!code) return { data }
    return { problem: printable(headers?.get('Nats-Service-Error') || `error ${code}`), code: Number(code) }
  } catch (error) {
    if (!(error instanceof NatsError)) throw error
    if (error.code === ErrorCode.Timeout) return { problem: `no answer within ${timeoutMs} ms` }
    if (error.code === ErrorCode.NoResponders) return { problem: 'gone' }
    return { problem: error.message }
  }
}

function parseId(data: Uint8Array): string | undefined {
  try {
    const { id } = JSON.parse(Buffer.from(data).toString())
    return typeof id === 'string' && INSTANCE_ID.test(id) ? id : undefined
  } catch {
    // What is not a service's answer says nothing.
    return undefined
  }
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?')
}
