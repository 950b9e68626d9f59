import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/** What one client of server-sent events saw, which comes back as an EventSource does. */
export interface EventClient {
  /** The ids, in the order in which they came. */
  readonly ids: number[]
  /** Of each time that it had to come back: the `retry` that it was told on that connection. */
  readonly retriesMs: (number | undefined)[]
  readonly failures: string[]
}

/** Follows the events until the signal. */
export async function followEvents(url: string, signal: AbortSignal): Promise<EventClient> {
  const client: EventClient = { ids: [], retriesMs: [], failures: [] }
  while (!signal.aborted) {
    const retryMs = await followOnce(client, url, signal).catch((error) => {
      client.failures.push(String(error))
      return undefined
    })
    if (signal.aborted) break
    client.retriesMs.push(retryMs)
    await delay(retryMs ?? 1000, undefined, { signal }).catch(() => {})
  }
  return client
}

/** Until the connection ends, by whoever. */
async function followOnce(client: EventClient, url: string, signal: AbortSignal): Promise<number | undefined> {
  const outgoing = request(url, {
    agent: false,
    signal,
    headers: { accept: 'text/event-stream', 'last-event-id': String(client.ids.at(-1) ?? 0) },
  })
  outgoing.end()
  const response = await once(outgoing, 'response').then(
    ([first]) => first as IncomingMessage,
    (error) => {
      if (signal.aborted) return undefined
      throw error
    },
  )
  if (response === undefined) return undefined
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
  let retryMs: number | undefined
  let unread = ''
  response.setEncoding('utf8')
  response.on('data', (text: string) => {
    const events = (unread + text).split('\n\n')
    unread = events.pop() ?? ''
    for (const line of events.flatMap((event) => event.split('\n'))) {
      if (line.startsWith('id: ')) client.ids.push(Number(line.slice(4)))
      else if (line.startsWith('retry: ')) retryMs = Number(line.slice(7))
    }
  })
  // A stream that is cut is one that ends: the client comes back.
  response.on('error', () => {})
  outgoing.on('error', () => {})
  await new Promise((resolve) => response.on('close', resolve))
  return retryMs
}
