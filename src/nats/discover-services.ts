import { createInbox, Empty, type NatsConnection } from 'nats'
import type { MicroService } from '../exchange/micro-service.ts'

/** Of one answer, and of all: anyone in the account may answer, with anything. */
const MAX_ANSWER_BYTES = 64 * 1024
const MAX_SERVICES = 1000

/** Asks all micro services who they are (`$SRV.INFO`), and takes what comes within the time: there is no last answer. */
export function discoverServices(
  client: NatsConnection,
  { inboxPrefix, timeoutMs }: { readonly inboxPrefix: string; readonly timeoutMs: number },
): Promise<MicroService[]> {
  return new Promise((resolve) => {
    const found: MicroService[] = []
    const inbox = createInbox(inboxPrefix)
    const end = () => {
      clearTimeout(timer)
      // A connection that is closed has none, and throws.
      if (!client.isClosed()) subscription.unsubscribe()
      resolve(found)
    }
    const timer = setTimeout(end, timeoutMs)
    const subscription = client.subscribe(inbox, {
      callback(error, { data }) {
        // An error, or the server's 503: nobody there.
        if (error !== null || data.length === 0 || data.length > MAX_ANSWER_BYTES) return
        const service = parseServiceInfo(data)
        if (service !== undefined && found.push(service) === MAX_SERVICES) end()
      },
    })
    client.publish('$SRV.INFO', Empty, { reply: inbox })
  })
}

function parseServiceInfo(data: Uint8Array): MicroService | undefined {
  try {
    const { name, id, version, endpoints } = JSON.parse(Buffer.from(data).toString())
    const subjects = endpoints.map(({ subject }: { subject: unknown }) => String(subject))
    return { name: String(name), id: String(id), version: String(version), subjects }
  } catch {
    // What is not a service's information says nothing.
    return undefined
  }
}
